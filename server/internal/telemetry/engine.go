package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/akin-search/akin/server/internal/engine"
)

var (
	ready    = gauge("akin_ready", "1 once the papers are loaded, 0 before.")
	papers   = gauge("akin_papers", "Papers that can be found.")
	revision = gauge("akin_revision", "Revision that queries see. It rises with every write, "+
		"and starts again below when a backup is restored.")
	tail        = gauge("akin_tail_vectors", "Vectors that wait for the graph; each search scans them.")
	tombstones  = gauge("akin_tombstones", "Slots of papers that were replaced or deleted, until the next generation.")
	zeroVectors = gauge("akin_zero_vectors", "Papers without a vector: the model knows none of their words.")
	memoryBytes = gauge("akin_memory_bytes", "Bytes of memory that the live generation takes, by part: "+
		"vectors (codes, graph and tail), "+
		"words, columns (what filters ask for) and slots.", "part")
	diskBytes      = gauge("akin_disk_bytes", "Bytes of everything in the data folder.")
	storeBytes     = gauge("akin_store_bytes", "Bytes of the store's file.")
	storeFreeBytes = gauge("akin_store_free_bytes",
		"Of the store's file, bytes in pages that hold nothing; they are used again, or given back.")
	checkpointTime = gauge("akin_checkpoint_timestamp_seconds",
		"When the newest part of the checkpoint was written, in Unix time. Absent without one.")
	checkpointBytes  = gauge("akin_checkpoint_bytes", "Bytes of the checkpoint.")
	checkpointBehind = gauge("akin_checkpoint_behind_revisions", "Revisions that a start now would have to replay.")
	modelTime        = gauge("akin_model_timestamp_seconds", "When the live model was made, in Unix time.")
	modelPapers      = gauge("akin_model_papers", "Papers that the live model was learnt from.")
	modelTrained     = gauge("akin_model_trained", "1 when the live model's rows were learnt, 0 when they are random.")
	activity         = gauge("akin_activity", "1 while the server trains, builds or compacts, 0 when it does not.")
	activityBegan    = gauge("akin_activity_began_timestamp_seconds",
		"When what goes on now began, in Unix time. Absent when nothing does.")
	generationSwaps  = counter("akin_generation_swaps_total", "Generations that took the place of another.")
	backgroundFaults = counter("akin_background_failures_total",
		"Background work that failed, by task; it is tried again.", "task")
	writable     = gauge("akin_writable", "1 while writes are accepted, 0 while they are refused.")
	writeRefusal = gauge("akin_write_refusal", "1 for the reason for which writes are refused: disk_full or fault.",
		"reason")
	allVitals = []fixed{
		ready, papers, revision, tail, tombstones, zeroVectors, memoryBytes, diskBytes, storeBytes, storeFreeBytes,
		checkpointTime,
		checkpointBytes, checkpointBehind, modelTime, modelPapers, modelTrained, activity, activityBegan, generationSwaps,
		backgroundFaults, writable, writeRefusal,
	}
)

// vitals shows an engine.
type vitals struct{ *Metrics }

// Describe implements prometheus.Collector.
func (vitals) Describe(out chan<- *prometheus.Desc) { describe(out, allVitals...) }

// collectTimeout bounds a look at the engine, which takes about a millisecond.
const collectTimeout = 5 * time.Second

// Collect implements prometheus.Collector.
func (m vitals) Collect(out chan<- prometheus.Metric) {
	e := m.engine.Load()
	ready.send(out, flag(e != nil))
	if e == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	v, err := e.Vitals(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(papers.desc, err)
		return
	}
	papers.send(out, float64(v.Papers))
	revision.send(out, float64(v.Position.Revision))
	tail.send(out, float64(v.TailVectors))
	tombstones.send(out, float64(v.Tombstones))
	zeroVectors.send(out, float64(v.ZeroVectors))
	memoryBytes.send(out, float64(v.VectorBytes), "vectors")
	memoryBytes.send(out, float64(v.WordBytes), "words")
	memoryBytes.send(out, float64(v.ColumnBytes), "columns")
	memoryBytes.send(out, float64(v.SlotBytes), "slots")
	diskBytes.send(out, float64(v.DiskBytes))
	storeBytes.send(out, float64(v.StoreBytes))
	storeFreeBytes.send(out, float64(v.StoreFree))
	if !v.CheckpointTime.IsZero() {
		checkpointTime.send(out, unix(v.CheckpointTime))
	}
	checkpointBytes.send(out, float64(v.CheckpointBytes))
	checkpointBehind.send(out, float64(v.CheckpointBehind))
	modelTime.send(out, unix(v.Model.CreateTime))
	modelPapers.send(out, float64(v.Model.Papers))
	modelTrained.send(out, flag(v.Model.Trained))
	activity.send(out, flag(v.Activity != ""))
	if !v.ActivitySince.IsZero() {
		activityBegan.send(out, unix(v.ActivitySince))
	}
	generationSwaps.send(out, float64(v.Swaps))
	for task, n := range v.Failures {
		backgroundFaults.send(out, float64(n), task)
	}
	writable.send(out, flag(v.Refusal == engine.NotRefused))
	for _, r := range engine.Refusals {
		writeRefusal.send(out, flag(v.Refusal == r), string(r))
	}
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
