package engine

import (
	"errors"
	"fmt"

	"github.com/akin-search/akin/server/internal/store"
)

// Errors about what a caller asked for. The service maps each to a status code; wrapped text says what to do.
var (
	// ErrNotFound: no paper has the id.
	ErrNotFound = errors.New("paper not found")
	// ErrNoWords: a text has no word that counts, so nothing can be near to it.
	ErrNoWords = errors.New("text has no words to search for")
	// ErrInvalidVector: a vector has the wrong length, or holds NaN, infinity or only zeros.
	ErrInvalidVector = errors.New("invalid vector")
	// ErrModelMismatch: a vector was made by a model that is not the live one.
	ErrModelMismatch = errors.New("vector is of another model")
	// ErrInvalidPageToken: the token was not made by this server for this request.
	ErrInvalidPageToken = errors.New("invalid page token")
	// ErrPageExpired: the model or revision that the page token pins is gone.
	ErrPageExpired = errors.New("page expired")
	// ErrTrainingRuns: one training runs already.
	ErrTrainingRuns = errors.New("a training runs already")
	// ErrTooManyDuplicates: the answer would hold more papers than are kept for one.
	ErrTooManyDuplicates = errors.New("too many papers are near-identical by this threshold")
	// ErrNoMap: no map has been drawn yet.
	ErrNoMap = errors.New("there is no map yet: it is drawn in the background, of 32 papers and more")
	// ErrTooFewPapers: there is nothing to learn from.
	ErrTooFewPapers = errors.New("too few papers to train on")
)

// Errors about the state of the engine.
var (
	// ErrReadOnly: a write to disk failed, so writes are refused while reads go on.
	ErrReadOnly = errors.New(
		"the store takes no writes until the operator has mended its disk and started the server again; reads go on")
	// ErrDiskFull: there is no space for a write. Writes are accepted again once there is.
	ErrDiskFull = errors.New(
		"the server's disk is full: nothing was written, and writes succeed again once there is space; reads go on")
	// ErrClosed: the engine is shutting down.
	ErrClosed = errors.New("the engine is closed")
	// ErrLineageChanged: a read names a position that is not in the store's history, which was restored or rolled back.
	ErrLineageChanged = errors.New("the store has another history than the one asked for: it was restored or rolled back")
	// ErrBehind: a read names a position that the server did not come to in time.
	ErrBehind = errors.New("the server has not come to the position asked for")
	// ErrLagging: this node of a cluster is behind the position that a read names.
	ErrLagging = errors.New("this node has not come to the position asked for: another one may have")
	// ErrNotOrdered: what is asked for does not go through the log of a cluster, and would part its nodes.
	ErrNotOrdered = errors.New("not available on a node of a cluster")
	// ErrTrainingLost: the node that learnt a model for all no longer leads, or is gone.
	ErrTrainingLost = errors.New("the node that learnt the model no longer leads the cluster, or is gone: ask again")
	// ErrShardUnavailable: no node of a shard answers, so that nothing can be said about all papers. It is a ShardError.
	ErrShardUnavailable = errors.New("a shard does not answer")
	// ErrLogFull: the log of the cluster has no place for another write.
	ErrLogFull = errors.New("the log of the cluster is full")
	// ErrNotAcknowledged: no majority of the cluster has said in time that it has the write. It may have it.
	ErrNotAcknowledged = errors.New("no majority of the cluster has acknowledged the write in time: it may be sent again")
	// ErrFull: the index has no place for another paper.
	ErrFull = errors.New("the index is full")
	// ErrOverloaded: the queue of writes is full and the caller's deadline came first.
	ErrOverloaded = errors.New("too many writes are waiting")
)

// storeError translates an error of the store into the engine's words, keeping its text.
func storeError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, store.ErrDiskFull):
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	case errors.Is(err, store.ErrReadOnly):
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	case errors.Is(err, store.ErrQueueFull):
		return fmt.Errorf("%w: %w", ErrOverloaded, err)
	case errors.Is(err, store.ErrClosed):
		return ErrClosed
	}
	return err
}
