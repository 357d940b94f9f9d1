package service

import (
	"context"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// train begins a training, once the server has ended what it builds of its own accord, and returns its first report.
func (r *rig) train(
	ctx context.Context, t *testing.T, epochs int32,
) (akinv1.IndexService_TrainModelClient, *akinv1.TrainModelResponse) {
	t.Helper()
	for {
		stream, err := r.index.TrainModel(ctx, &akinv1.TrainModelRequest{Epochs: epochs})
		if err != nil {
			t.Fatal(err)
		}
		first, err := stream.Recv()
		if err == nil {
			return stream, first
		}
		wantStatus(t, err, codes.FailedPrecondition, "TRAINING_RUNS")
		time.Sleep(20 * time.Millisecond)
	}
}

func TestTrainingReportsAndEndsWithTheLiveModel(t *testing.T) {
	r, ctx := newSampleRig(t)
	before, err := r.index.GetIndexStats(ctx, &akinv1.GetIndexStatsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	stream, first := r.train(ctx, t, 2)
	reports, err := drained(stream.Recv)
	if err != nil {
		t.Fatal(err)
	}
	reports = append([]*akinv1.TrainModelResponse{first}, reports...)
	for i, report := range reports[:len(reports)-1] {
		if report.GetModel() != nil || report.GetStage() == "" || report.GetProgress() < 0 || report.GetProgress() > 1 {
			t.Errorf("report %d: %v", i, report)
		}
	}
	last := reports[len(reports)-1]
	after, err := r.index.GetIndexStats(ctx, &akinv1.GetIndexStatsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if last.GetStage() != "done" || last.GetProgress() != 1 || !last.GetModel().GetTrained() ||
		last.GetModel().GetFingerprint() != after.GetModel().GetFingerprint() ||
		last.GetModel().GetFingerprint() == before.GetModel().GetFingerprint() {
		t.Errorf("last report %v, live model %v", last, after.GetModel())
	}
}

func TestThereMustBePapersToTrainOn(t *testing.T) {
	r, ctx := newRig(t, Config{}), testContext(t)
	stream, err := r.index.TrainModel(ctx, &akinv1.TrainModelRequest{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = drained(stream.Recv)
	wantStatus(t, err, codes.FailedPrecondition, "TOO_FEW_PAPERS")
}

func TestADrainGivesATrainingUp(t *testing.T) {
	r, ctx := newSampleRig(t)
	stream, _ := r.train(ctx, t, 100)
	r.server.Drain(ctx)
	_, err := drained(stream.Recv)
	wantStatus(t, err, codes.Unavailable, "SHUTTING_DOWN")
}

func TestABackupComesInPieces(t *testing.T) {
	r, ctx := newRig(t, Config{}), testContext(t)
	papers := wordy(600)
	for chunk := range slices.Chunk(papers, 300) {
		if _, err := r.papers.BatchUpsertPapers(ctx, &akinv1.BatchUpsertPapersRequest{Papers: chunk}); err != nil {
			t.Fatal(err)
		}
	}
	stream, err := r.index.Backup(ctx, &akinv1.BackupRequest{})
	if err != nil {
		t.Fatal(err)
	}
	pieces, err := drained(stream.Recv)
	if err != nil || len(pieces) == 0 {
		t.Fatalf("%d pieces, %v", len(pieces), err)
	}
	total := 0
	for _, piece := range pieces {
		if n := len(piece.GetData()); n == 0 || n > 1<<20 {
			t.Errorf("a piece of %d bytes", n)
		}
		total += len(piece.GetData())
	}
	if total < 1000 {
		t.Errorf("a backup of %d bytes", total)
	}
}
