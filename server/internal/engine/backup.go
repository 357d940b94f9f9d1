package engine

import (
	"context"
	"errors"
	"io"
)

// Backup is in work.
func (e *Engine) Backup(context.Context, io.Writer, func(int64)) error { return errors.New("wip") }
