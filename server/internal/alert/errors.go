package alert

import "errors"

// Errors about what a caller asked for.
var (
	// ErrNotFound: the owner has no subscription of that id.
	ErrNotFound = errors.New("subscription not found")
	// ErrExists: the owner has one of that id.
	ErrExists = errors.New("there is a subscription of that id")
	// ErrFull: there are too many subscriptions.
	ErrFull = errors.New("too many subscriptions")
	// ErrNotConfigured: the server cannot send in that way.
	ErrNotConfigured = errors.New("the server is not set up for that sink")
	// ErrClosed: the alerts are ending.
	ErrClosed = errors.New("the alerts are closed")
)
