package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// report is the JSON object of one run.
type report struct {
	Base         string          `json:"base"`
	N            int             `json:"n"`
	Dims         int             `json:"dims"`
	Queries      int             `json:"queries"`
	K            int             `json:"k"`
	Threads      int             `json:"threads"`
	CPUs         int             `json:"cpus"`
	Kernels      string          `json:"kernels"`
	TruthSeconds float64         `json:"truth_seconds"`
	Engines      []*engineReport `json:"engines"`
	Ratios       []ratio         `json:"over_hnswlib,omitempty"`
}

// engineReport is what was measured of one engine.
type engineReport struct {
	Engine       string  `json:"engine"`
	BuildSeconds float64 `json:"build_seconds"`
	BuildCPU     float64 `json:"build_cpu_seconds"`
	BytesAVector float64 `json:"bytes_per_vector"`
	HeapAVector  float64 `json:"heap_bytes_per_vector"`
	Widths       []row   `json:"ef"`
	Filtered     []row   `json:"filtered,omitempty"`
}

// row is one width of a search, through one filter.
type row struct {
	Selectivity float64 // 0: no filter
	Ef          int     // 0: the engine has none
	K           int
	Recall      float64
	QPS         float64
	CPUQPS      float64 // queries a second of processor time
	P50, P99    float64 // microseconds
	Exact       float64 // share of queries answered exactly
	Scored      float64 // vectors scored a query
}

// rowJSON is a row as JSON has it; the recall's key names k.
type rowJSON struct {
	Selectivity float64 `json:"selectivity,omitempty"`
	Ef          int     `json:"ef"`
	QPS         float64 `json:"qps"`
	CPUQPS      float64 `json:"cpu_qps"`
	P50         float64 `json:"p50_us"`
	P99         float64 `json:"p99_us"`
	Exact       float64 `json:"exact"`
	Scored      float64 `json:"scored"`
}

func recallKey(k int) string { return fmt.Sprintf("recall@%d", k) }

// MarshalJSON implements json.Marshaler.
func (r row) MarshalJSON() ([]byte, error) {
	rest, err := json.Marshal(rowJSON{r.Selectivity, r.Ef, r.QPS, r.CPUQPS, r.P50, r.P99, r.Exact, r.Scored})
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `{%q:%.5f,%s`, recallKey(r.K), r.Recall, rest[1:]), nil
}

// UnmarshalJSON implements json.Unmarshaler, for the peer's output. K stays as it was.
func (r *row) UnmarshalJSON(data []byte) error {
	var rest rowJSON
	if err := json.Unmarshal(data, &rest); err != nil {
		return err
	}
	*r = row{rest.Selectivity, rest.Ef, r.K, 0, rest.QPS, rest.CPUQPS, rest.P50, rest.P99, rest.Exact, rest.Scored}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(data, &keys); err != nil {
		return err
	}
	for key, value := range keys {
		if _, err := fmt.Sscanf(key, "recall@%d", &r.K); err == nil {
			return json.Unmarshal(value, &r.Recall)
		}
	}
	return fmt.Errorf("no recall in %s", data)
}

// print writes the tables of one engine.
func (e *engineReport) print(out io.Writer, k int) {
	fmt.Fprintf(out, "%s: built in %.2f s (processor %.2f s), %.0f bytes a vector", e.Engine, e.BuildSeconds, e.BuildCPU,
		e.BytesAVector)
	if e.HeapAVector > 0 {
		fmt.Fprintf(out, " (%.0f by the heap's growth)", e.HeapAVector)
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "accepted\tef\trecall@%d\tQPS\tper CPU s\tp50 us\tp99 us\texact\tscored\t\n", k)
	for _, rows := range [][]row{e.Widths, e.Filtered} {
		for _, r := range rows {
			share, ef := "all", "-"
			if r.Selectivity > 0 {
				share = fmt.Sprintf("%g%%", r.Selectivity*100)
			}
			if r.Ef > 0 {
				ef = fmt.Sprint(r.Ef)
			}
			fmt.Fprintf(w, "%s\t%s\t%.4f\t%.0f\t%.0f\t%.1f\t%.1f\t%.2f\t%.0f\t\n", share, ef, r.Recall, r.QPS, r.CPUQPS, r.P50,
				r.P99, r.Exact, r.Scored)
		}
	}
	w.Flush() //nolint:errcheck // a report on a closed pipe has no reader to tell
	fmt.Fprintln(out)
}

func (r *report) print(out io.Writer) {
	for _, x := range r.Ratios {
		parts := []string{fmt.Sprintf("build time %.2f (processor %.2f), bytes %.2f", x.Build, x.CPU, x.Bytes)}
		for _, at := range x.At {
			parts = append(parts, fmt.Sprintf("QPS at recall %g %.2f (processor %.2f; ef %d %.0f / ef %d %.0f)", at.Recall,
				at.QPS, at.CPU, at.Ef, at.Own, at.PeerEf, at.Peer))
		}
		fmt.Fprintf(out, "%s over hnswlib: %s\n", x.Engine, strings.Join(parts, ", "))
	}
	fmt.Fprintf(out, "%d vectors, %d dimensions, %d queries, k %d, %d threads on %d cores, %s kernels; "+
		"ground truth took %.1f s\n",
		r.N, r.Dims, r.Queries, r.K, r.Threads, r.CPUs, r.Kernels, r.TruthSeconds)
}

// ratio compares an engine with hnswlib in the same run.
type ratio struct {
	Engine string    `json:"engine"`
	Build  float64   `json:"build_seconds"`
	CPU    float64   `json:"build_cpu_seconds"`
	Bytes  float64   `json:"bytes_per_vector"`
	At     []ratioAt `json:"qps"`
}

type ratioAt struct {
	Recall float64 `json:"recall"`
	QPS    float64 `json:"qps"`
	CPU    float64 `json:"cpu_qps"`
	Ef     int     `json:"ef"`
	Own    float64 `json:"own_qps"`
	PeerEf int     `json:"hnswlib_ef"`
	Peer   float64 `json:"hnswlib_qps"`
}

// ratios compares every engine with hnswlib, if it was measured.
func ratios(engines []*engineReport) []ratio {
	var peer *engineReport
	for _, e := range engines {
		if e.Engine == peerName {
			peer = e
		}
	}
	if peer == nil {
		return nil
	}
	var all []ratio
	for _, e := range engines {
		if e == peer {
			continue
		}
		x := ratio{
			Engine: e.Engine, Build: e.BuildSeconds / peer.BuildSeconds, CPU: over(e.BuildCPU, peer.BuildCPU),
			Bytes: e.BytesAVector / peer.BytesAVector,
		}
		for _, recall := range []float64{.95, .99} {
			own, theirs := smallest(e.Widths, recall), smallest(peer.Widths, recall)
			if own != nil && theirs != nil {
				x.At = append(x.At, ratioAt{recall, own.QPS / theirs.QPS, over(own.CPUQPS, theirs.CPUQPS), own.Ef, own.QPS,
					theirs.Ef, theirs.QPS})
			}
		}
		all = append(all, x)
	}
	return all
}

// over is a/b, and 0 where either is not known.
func over(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// smallest returns the row of the least width that reaches a recall, or nil.
func smallest(rows []row, recall float64) *row {
	var found *row
	for i := range rows {
		if rows[i].Recall >= recall && (found == nil || rows[i].Ef < found.Ef) {
			found = &rows[i]
		}
	}
	return found
}
