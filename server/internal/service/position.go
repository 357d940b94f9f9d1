package service

import (
	"context"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
)

// reader is a request that may name what its answer must include at least.
type reader interface {
	GetAtLeast() *akinv1.Position
}

// await waits until the engine has come to what a request names, and names it to whoever answers under the context that
// it returns. Requests that name nothing, and those of writes, pass.
func (s *Server) await(ctx context.Context, request any) (context.Context, error) {
	r, ok := request.(reader)
	if ok && s.cfg.Readable != nil {
		if err := s.cfg.Readable(); err != nil {
			return ctx, err
		}
	}
	if !ok || r.GetAtLeast() == nil {
		return ctx, nil
	}
	position, err := decodePosition("at_least", r.GetAtLeast())
	if err != nil {
		return ctx, err
	}
	return engine.WithLeast(ctx, position.Revision), s.engine().Await(ctx, position)
}

func decodePosition(field string, m *akinv1.Position) (paper.Position, error) {
	var c validator
	lineage, err := paper.ParseLineage(m.GetLineage())
	if err != nil {
		c.addf(field+".lineage", "is none: %v", err)
	}
	return paper.Position{Revision: m.GetRevision(), Lineage: lineage}, c.err()
}

func encodePosition(p paper.Position) *akinv1.Position {
	return &akinv1.Position{Revision: p.Revision, Lineage: p.Lineage.String()}
}
