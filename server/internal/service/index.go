package service

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// GetIndexStats says what the server holds.
func (s *Server) GetIndexStats(ctx context.Context, _ *akinv1.GetIndexStatsRequest) (*akinv1.GetIndexStatsResponse, error) {
	stats, err := s.engine().Stats(ctx)
	if err != nil {
		return nil, err
	}
	response := encodeStats(stats)
	response.MemoryBytes = residentBytes()
	response.Version = s.cfg.Version
	response.Uptime = durationpb.New(time.Since(time.Unix(0, s.readyAt.Load())))
	return response, nil
}

// EvaluateRecall measures the live index against an exact scan.
func (s *Server) EvaluateRecall(ctx context.Context, req *akinv1.EvaluateRecallRequest) (*akinv1.EvaluateRecallResponse, error) {
	q, err := decodeRecall(req)
	if err != nil {
		return nil, err
	}
	q.Filter = scoped(ctx, q.Filter)
	report, err := s.engine().EvaluateRecall(ctx, q)
	if err != nil {
		return nil, err
	}
	return encodeRecall(report), nil
}
