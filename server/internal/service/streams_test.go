package service

import (
	"context"
	"testing"

	"google.golang.org/grpc/codes"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

func TestTrainingReportsAndEndsWithTheLiveModel(t *testing.T) {
	r, ctx := newSampleRig(t)
	before, err := r.index.GetIndexStats(ctx, &akinv1.GetIndexStatsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := r.index.TrainModel(ctx, &akinv1.TrainModelRequest{Epochs: 2})
	if err != nil {
		t.Fatal(err)
	}
	reports, err := drained(stream.Recv)
	if err != nil || len(reports) == 0 {
		t.Fatalf("%d reports, %v", len(reports), err)
	}
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
	stream, err := r.index.TrainModel(ctx, &akinv1.TrainModelRequest{Epochs: 100})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	drain, cancel := context.WithCancel(ctx)
	defer cancel()
	r.server.Drain(drain)
	_, err = drained(stream.Recv)
	wantStatus(t, err, codes.Unavailable, "SHUTTING_DOWN")
}
