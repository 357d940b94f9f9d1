package client

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// Stats says what the server holds and how it is doing.
func (c *Client) Stats(ctx context.Context) (*Stats, error) {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	res, err := c.index.GetIndexStats(ctx, &akinv1.GetIndexStatsRequest{})
	return res, callError("stats", err)
}

// Ping asks whether the server serves, and nothing else: it takes the way there and back, the least that any call can
// take. [ErrUnavailable] when it does not serve (yet).
func (c *Client) Ping(ctx context.Context) error {
	ctx, cancel := c.deadline(ctx)
	defer cancel()
	res, err := c.health.Check(ctx, &healthv1.HealthCheckRequest{})
	if err == nil && res.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		err = status.Error(codes.Unavailable, "the server does not serve at the moment")
	}
	return callError("ping", err)
}

// TrainProgress is one report of a training.
type TrainProgress = akinv1.TrainModelResponse

// TrainConfig says how to train. The zero value trains with the server's defaults.
type TrainConfig struct {
	// Epochs: passes over the papers for each table that the model is folded from, 1 to 100. 0: by the number of papers, 6
	// to 30.
	Epochs int
	// Seed of every random choice. 0: 1.
	Seed uint64
	// Progress is called with each report, about twice a second, from the goroutine that called Train. May be nil.
	Progress func(*TrainProgress)
}

// Train learns a new model from the stored papers and puts it in place, while queries and writes go on, and returns the
// model. ErrTrainingRuns while another training runs. Cancelling the context cancels the training.
func (c *Client) Train(ctx context.Context, cfg TrainConfig) (*ModelInfo, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.index.TrainModel(ctx, &akinv1.TrainModelRequest{Epochs: int32(cfg.Epochs), Seed: cfg.Seed})
	if err != nil {
		return nil, callError("train", err)
	}
	var model *ModelInfo
	for {
		report, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF) && model != nil:
			return model, nil
		case err != nil:
			return nil, callError("train", err)
		}
		if report.GetModel() != nil {
			model = report.GetModel()
		}
		if cfg.Progress != nil {
			cfg.Progress(report)
		}
	}
}

// Recall is the measured recall of the live index.
type Recall struct {
	Recall       float64       // mean share of the true k nearest that the index returned, 0 to 1
	MinRecall    float64       // least share among the queries
	Queries      int           // measured; fewer than asked when there are fewer papers
	MeanLatency  time.Duration // of one search of the index
	ExactLatency time.Duration // of one exact scan
}

// RecallConfig says what to measure. The zero value means the server's defaults.
type RecallConfig struct {
	Queries int    // to draw, 1 to 10,000; 0: 200
	K       int    // depth of the comparison, 1 to 1,000; 0: 10
	Seed    uint64 // of the draw; 0: 1
}

// EvaluateRecall compares the live index with an exact scan, on queries drawn from the stored papers. [Filter] and [Ef]
// apply as in searches.
func (c *Client) EvaluateRecall(ctx context.Context, cfg RecallConfig, opts ...RecallOption) (*Recall, error) {
	req := &akinv1.EvaluateRecallRequest{Queries: int32(cfg.Queries), K: int32(cfg.K), Seed: cfg.Seed}
	for _, opt := range opts {
		opt.applyRecall(req)
	}
	res, err := c.index.EvaluateRecall(ctx, req)
	if err != nil {
		return nil, callError("evaluate recall", err)
	}
	return &Recall{
		Recall: res.GetRecall(), MinRecall: res.GetMinRecall(), Queries: int(res.GetQueries()),
		MeanLatency: res.GetMeanLatency().AsDuration(), ExactLatency: res.GetExactLatency().AsDuration(),
	}, nil
}

// Backup writes a consistent copy of everything stored to w, while writes go on, and returns its size in bytes. The
// copy is a file for the server's restore command. After an error, what was written is of no use. progress, which may
// be nil, hears after each piece of the bytes written and of the bytes that the backup keeps the store from reusing.
func (c *Client) Backup(ctx context.Context, w io.Writer, progress func(written, pinned int64)) (int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.index.Backup(ctx, &akinv1.BackupRequest{})
	if err != nil {
		return 0, callError("backup", err)
	}
	var written int64
	for {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return written, nil
		}
		if err != nil {
			return written, callError("backup", err)
		}
		n, err := w.Write(piece.GetData())
		written += int64(n)
		if err != nil {
			return written, err
		}
		if progress != nil {
			progress(written, piece.GetPinnedBytes())
		}
	}
}
