package engine

import (
	"context"
	"io/fs"
	"path/filepath"
)

// Stats describes the live generation and the folder.
func (e *Engine) Stats(context.Context) (Stats, error) {
	reached := e.Sequence()
	g := e.live.Load()
	position, err := e.positionOf(g.revision(), reached)
	if err != nil {
		return Stats{}, err
	}
	info := g.vectors.Info()
	s := Stats{
		Papers:       g.papers(),
		Position:     position,
		Model:        g.modelInfo(),
		Engine:       info.Engine,
		Vectors:      info.Vectors,
		GraphVectors: info.Graph,
		TailVectors:  info.Vectors - info.Graph,
		Tombstones:   int(g.dead.Load()),
		ZeroVectors:  info.Zero - int(g.slots.versions.Load()),
		IndexBytes:   info.Bytes + g.words.Bytes() + g.columns.Bytes() + g.slots.bytes(),
		DiskBytes:    e.diskBytes(),
		Refusal:      RefusalOf(e.Writable()),
	}
	if a := e.activity.Load(); a != nil {
		s.Activity, s.ActivityProgress = a.name, a.progress
	}
	return s, nil
}

// diskBytes is the size of everything in the data folder.
func (e *Engine) diskBytes() int64 {
	var total int64
	// A file that vanishes during the walk is a checkpoint being replaced.
	_ = filepath.WalkDir(e.cfg.Dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	return total
}
