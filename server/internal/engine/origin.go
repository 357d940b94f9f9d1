package engine

import (
	"errors"
	"log/slog"

	"github.com/akin-search/akin/server/internal/store"
)

// StoodAlone reports whether a folder holds papers that were written without a log. It takes the folder's lock
// meanwhile: store.ErrLocked when another process has it open.
func StoodAlone(dir string, logger *slog.Logger) (_ bool, err error) {
	held, err := store.Exists(dir)
	if err != nil || !held {
		return false, err
	}
	s, err := store.Open(dir, store.Options{Logger: logger, VerifyBytes: -1})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	mark, err := s.Record(store.LogTable, markKey)
	return mark == nil && s.Revision() > 0, err
}
