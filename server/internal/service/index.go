package service

import (
	"bufio"
	"context"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/cputime"
	"github.com/akin-search/akin/server/internal/engine"
)

// GetIndexStats says what the server holds.
func (s *Server) GetIndexStats(
	ctx context.Context, _ *akinv1.GetIndexStatsRequest,
) (*akinv1.GetIndexStatsResponse, error) {
	stats, err := s.engine().Stats(ctx)
	if err != nil {
		return nil, err
	}
	response := encodeStats(stats)
	if a := s.alerts(); a != nil {
		response.Alerts = encodeAlertStats(a.Stats())
	}
	if s.cfg.Standing != nil {
		standing := s.cfg.Standing()
		response.Cluster = encodeStanding(&standing)
	}
	response.MemoryBytes = residentBytes()
	response.Version = s.cfg.Version
	response.ProcessorTime = durationpb.New(cputime.Used())
	response.Uptime = durationpb.New(time.Since(time.Unix(0, s.readyAt.Load())))
	return response, nil
}

// EvaluateRecall measures the live index against an exact scan.
func (s *Server) EvaluateRecall(
	ctx context.Context, req *akinv1.EvaluateRecallRequest,
) (*akinv1.EvaluateRecallResponse, error) {
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

// Backup streams a copy of the store.
func (s *Server) Backup(_ *akinv1.BackupRequest, stream akinv1.IndexService_BackupServer) error {
	sender := &backupSender{stream: stream}
	pieces := bufio.NewWriterSize(sender, maxStreamedBytes)
	if err := s.engine().Backup(stream.Context(), pieces, sender.pinned.Store); err != nil {
		return err
	}
	return pieces.Flush()
}

// backupSender sends what is written to it, in messages of at most maxStreamedBytes.
type backupSender struct {
	stream akinv1.IndexService_BackupServer
	pinned atomic.Int64 // bytes, as the engine last said
}

func (b *backupSender) Write(p []byte) (int, error) {
	sent := 0
	for sent < len(p) {
		piece := p[sent:min(sent+maxStreamedBytes, len(p))]
		if err := b.stream.Send(&akinv1.BackupResponse{Data: piece, PinnedBytes: b.pinned.Load()}); err != nil {
			return sent, err
		}
		sent += len(piece)
	}
	return sent, nil
}

// TrainModel trains and reports on the way. A drain cancels it: it may take minutes, and the live model is as good as
// it was.
func (s *Server) TrainModel(req *akinv1.TrainModelRequest, stream akinv1.IndexService_TrainModelServer) error {
	options, err := decodeTrain(req)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	var drained atomic.Bool
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-s.draining:
			drained.Store(true)
			cancel()
		case <-stop:
		}
	}()
	model, err := s.engine().Train(ctx, options, func(p engine.TrainProgress) {
		if p.Model != nil {
			return // the last report goes out below, when the model is live
		}
		if err := stream.Send(encodeProgress(p)); err != nil {
			cancel()
		}
	})
	if err != nil {
		if drained.Load() {
			return failure(codes.Unavailable, reasonShuttingDown, "the server is shutting down: the training was given up")
		}
		return err
	}
	return stream.Send(&akinv1.TrainModelResponse{Stage: "done", Progress: 1, Model: encodeModel(model)})
}
