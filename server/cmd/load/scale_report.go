package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// scaleReport is what scale measures. Its JSON keys are documented here and stay as they are.
type scaleReport struct {
	Papers      int   `json:"papers"`
	PapersBytes int64 `json:"papers_bytes"` // characters of all titles and abstracts
	CPUs        int   `json:"cpus"`

	AcknowledgedSeconds float64 `json:"acknowledged_seconds"` // from the first paper sent to the last acknowledged
	AcknowledgedPerSec  float64 `json:"acknowledged_per_second"`
	SlowestPerSec       float64 `json:"slowest_per_second"`  // of the worst stretch of 10 s
	LongestAckSeconds   float64 `json:"longest_ack_seconds"` // between two acknowledgements
	TrainedSeconds      float64 `json:"trained_seconds"`     // until a learnt model serves
	ReadySeconds        float64 `json:"ready_seconds"`       // until also every paper is in the graph and nothing runs
	ModelPapers         int64   `json:"model_papers"`        // that the serving model was made from
	WrittenBytes        int64   `json:"written_bytes"`       // sent to the disk until ready
	WrittenTimes        float64 `json:"written_over_papers"` // the same over papers_bytes

	Searches  []searchReport `json:"searches"`
	Recall    float64        `json:"recall"` // at 10, of the index's own answers against an exact scan
	MinRecall float64        `json:"min_recall"`

	ResidentBytes    int64   `json:"resident_bytes"` // after the searches, mapped pages of the store included
	ResidentPerPaper float64 `json:"resident_bytes_per_paper"`
	PrivateBytes     int64   `json:"private_bytes"` // of them not backed by a file
	PeakBytes        int64   `json:"peak_resident_bytes"`
	PeakOverSteady   float64 `json:"peak_over_steady"`
	DiskBytes        int64   `json:"disk_bytes"`
	StopSeconds      float64 `json:"stop_seconds"` // a clean end, its checkpoint included

	CleanRestart restartReport `json:"clean_restart"`
	KillRestart  restartReport `json:"kill_restart"` // after 2,000 more papers and SIGKILL
}

// searchReport is one search load: titles, ten hits, ids only.
type searchReport struct {
	Callers   int     `json:"callers"`
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Errors    int     `json:"errors"`
}

// restartReport is one start on the folder as it was left.
type restartReport struct {
	ServingSeconds float64 `json:"serving_seconds"` // from the start of the process until it serves
	ResidentBytes  int64   `json:"resident_bytes"`  // then
}

// print writes the report as a table.
func (r *scaleReport) print(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	const mb, gb = 1e6, 1e9
	row("papers", "%d, %.0f MB of text, %d cores", r.Papers, float64(r.PapersBytes)/mb, r.CPUs)
	row("acknowledged", "%.1f s, %.0f/s; slowest 10 s %.0f/s; longest wait %.2f s", r.AcknowledgedSeconds,
		r.AcknowledgedPerSec, r.SlowestPerSec, r.LongestAckSeconds)
	row("learnt model serves", "%.1f s, made from %d papers", r.TrainedSeconds, r.ModelPapers)
	row("all in the graph", "%.1f s", r.ReadySeconds)
	row("written to disk", "%.2f GB, %.1f times the text", float64(r.WrittenBytes)/gb, r.WrittenTimes)
	for _, s := range r.Searches {
		row(fmt.Sprintf("searches, %d callers", s.Callers), "%.0f/s, p50 %.2f ms, p99 %.2f ms, %d errors", s.PerSecond, s.P50,
			s.P99, s.Errors)
	}
	row("recall@10", "%.4f, least %.2f", r.Recall, r.MinRecall)
	row("resident", "%.2f GB, %.0f bytes a paper; %.2f GB without mapped files", float64(r.ResidentBytes)/gb,
		r.ResidentPerPaper, float64(r.PrivateBytes)/gb)
	row("peak resident", "%.2f GB, %.2f times steady", float64(r.PeakBytes)/gb, r.PeakOverSteady)
	row("on disk", "%.2f GB", float64(r.DiskBytes)/gb)
	row("clean stop and restart", "%.2f s and %.2f s, %.2f GB then", r.StopSeconds, r.CleanRestart.ServingSeconds,
		float64(r.CleanRestart.ResidentBytes)/gb)
	row("restart after kill", "%.2f s, %.2f GB then", r.KillRestart.ServingSeconds,
		float64(r.KillRestart.ResidentBytes)/gb)
	_ = t.Flush() // fails only where printing fails, and then no one reads it
}
