package service

import (
	"bufio"
	"context"
	"sync/atomic"

	"google.golang.org/grpc/codes"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/paper"
)

// ExportPapers streams papers in messages of about maxStreamedBytes. A slow client slows the export down and nothing
// else: the engine holds no transaction while a message is sent.
func (s *Server) ExportPapers(req *akinv1.ExportPapersRequest, stream akinv1.PaperService_ExportPapersServer) error {
	filter, err := decodeExport(req)
	if err != nil {
		return err
	}
	if err := s.await(stream.Context(), req); err != nil {
		return err
	}
	filter = scoped(stream.Context(), filter)
	message, bytes := &akinv1.ExportPapersResponse{}, 0
	err = s.engine().Export(stream.Context(), filter, func(p *paper.Paper) error {
		if !sees(stream.Context(), p) { // replaced since the filter was looked at
			return nil
		}
		m := allFields.encode(p)
		size := entrySize(m)
		if bytes > 0 && bytes+size > maxStreamedBytes {
			if err := stream.Send(message); err != nil {
				return err
			}
			message, bytes = &akinv1.ExportPapersResponse{}, 0
		}
		message.Papers = append(message.Papers, m)
		bytes += size
		return nil
	})
	if err != nil || bytes == 0 {
		return err
	}
	return stream.Send(message)
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

// TrainModel trains and reports on the way. A drain cancels it: it may take minutes, and the live model is as good as it
// was.
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
