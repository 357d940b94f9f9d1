package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/akin-search/akin/client"
)

// profilesConfig are the flags of profiles.
type profilesConfig struct {
	serving
	profiles, events, callers, calls int
	json                             bool
}

// profilesReport is what profiles prints. Times are milliseconds.
type profilesReport struct {
	Papers          int                `json:"papers"`
	Profiles        int                `json:"profiles"`
	Events          int                `json:"events"`
	EventsPerSec    float64            `json:"events_per_second"` // durable
	BytesPerProfile float64            `json:"disk_bytes_per_profile"`
	P50             map[string]float64 `json:"p50_ms"`
	P99             map[string]float64 `json:"p99_ms"`
}

func newProfiles() *cobra.Command {
	var cfg profilesConfig
	cmd := &cobra.Command{
		Use:   "profiles",
		Short: "Record events of many profiles and measure recommendations by them",
		Long: `profiles makes a corpus of the real abstracts in AKIN_DATA, starts a server on an empty folder, imports the
corpus and waits until it is learnt. Then it records likes for many profiles, measures how many a second are durable and
the bytes on disk that a profile takes, and how long one caller waits for recommendations: by 3 and by 50 likes given
with the call, by one of the profiles, by a profile of 5,000 likes, and by one that has seen 100,000 papers.`,
		Example: `  go run ./server/cmd/load profiles --profiles 100000`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return profiles(cmd.Context(), cfg, cmd.OutOrStdout()) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	cfg.addTo(flags, 87_247)
	flags.IntVar(&cfg.profiles, "profiles", 1_000_000, "profiles to record")
	flags.IntVar(&cfg.events, "events", 20, "events a profile")
	flags.IntVar(&cfg.callers, "callers", 8, "callers that record, 1,000 events a call")
	flags.IntVar(&cfg.calls, "calls", 300, "recommendations of each kind")
	flags.BoolVar(&cfg.json, "json", false, "print one JSON object")
	return cmd
}

func profiles(ctx context.Context, cfg profilesConfig, out io.Writer) (err error) {
	corpus, err := openCorpus(cfg.papers)
	if err != nil {
		return err
	}
	folder, err := workspace(ctx, "akin-profiles-", &cfg.server)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	log := cfg.log()
	run := &scaleRun{cfg: scaleConfig{serving: cfg.serving}, corpus: corpus, log: log, began: time.Now()}
	if run.server, err = startServer(cfg.server, folder+"/data", log); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.server.kill()) }()
	if err := run.load(ctx); err != nil {
		return err
	}
	p := &profileRun{cfg: cfg, client: run.server.client, report: profilesReport{
		Papers: cfg.papers, Profiles: cfg.profiles, Events: cfg.profiles * cfg.events,
		P50: map[string]float64{}, P99: map[string]float64{},
	}}
	for paper, err := range p.client.List(ctx) {
		if err != nil {
			return err
		}
		p.ids = append(p.ids, paper.GetId())
	}
	if err := p.record(ctx); err != nil {
		return err
	}
	run.progress("%.0f events/s", p.report.EventsPerSec)
	if err := p.recommend(ctx); err != nil {
		return err
	}
	if cfg.json {
		return json.NewEncoder(out).Encode(&p.report)
	}
	p.report.print(out)
	return nil
}

// profileRun is one run over a server that holds papers.
type profileRun struct {
	cfg    profilesConfig
	client *client.Client
	ids    []string
	report profilesReport
}

func profileName(i int) string { return fmt.Sprintf("user-%07d", i) }

// record records the events, profile by profile as people come: each call holds one event of each of 1,000 profiles.
func (p *profileRun) record(ctx context.Context) error {
	before, err := p.client.Stats(ctx)
	if err != nil {
		return err
	}
	const group = 1000
	groups := (p.cfg.profiles + group - 1) / group
	var next atomic.Int64
	var wait sync.WaitGroup
	errs := make([]error, p.cfg.callers)
	began := time.Now()
	for caller := range p.cfg.callers {
		wait.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(caller), 7)) //nolint:gosec // a repeatable load
			for {
				at := int(next.Add(1)) - 1
				if at >= groups*p.cfg.events || ctx.Err() != nil {
					return
				}
				event, first := at/groups, at%groups*group
				var events []*client.Event
				for i := first; i < min(first+group, p.cfg.profiles); i++ {
					events = append(events, &client.Event{
						ProfileId: profileName(i), EventId: fmt.Sprintf("e%04d", event), Kind: client.Like,
						PaperId: p.ids[rng.IntN(len(p.ids))],
					})
				}
				if _, errs[caller] = p.client.RecordEvents(ctx, events); errs[caller] != nil {
					return
				}
			}
		})
	}
	wait.Wait()
	if err := errors.Join(errors.Join(errs...), ctx.Err()); err != nil {
		return err
	}
	p.report.EventsPerSec = float64(p.report.Events) / time.Since(began).Seconds()
	after, err := p.client.Stats(ctx)
	p.report.BytesPerProfile = float64(after.GetDiskBytes()-before.GetDiskBytes()) / float64(p.cfg.profiles)
	return err
}

// recommend measures one caller's recommendations, one after the other, ten hits each.
func (p *profileRun) recommend(ctx context.Context) error {
	rng := rand.New(rand.NewPCG(3, 3)) //nolint:gosec // repeatable questions
	some := func(n int) (ids []string) {
		for range n {
			ids = append(ids, p.ids[rng.IntN(len(p.ids))])
		}
		return ids
	}
	likes := func(n int) client.Taste {
		var taste client.Taste
		for _, id := range some(n) {
			taste.Likes = append(taste.Likes, client.FromPaper(id))
		}
		return taste
	}
	fan, reader := p.client.Profile("fan of 5,000"), p.client.Profile("reader of 100,000")
	err := errors.Join(fan.Like(ctx, some(5000)...), reader.Like(ctx, some(20)...), reader.Read(ctx, some(100_000)...))
	if err != nil {
		return err
	}
	for _, kind := range []struct {
		name  string
		taste func(i int) client.Taste
	}{
		{"3 likes", func(int) client.Taste { return likes(3) }},
		{"50 likes", func(int) client.Taste { return likes(50) }},
		{"a profile", func(int) client.Taste { return client.Taste{Profile: profileName(rng.IntN(p.cfg.profiles))} }},
		{"a profile of 5,000 likes", func(int) client.Taste { return client.Taste{Profile: fan.ID()} }},
		{"a profile that has seen 100,000", func(int) client.Taste { return client.Taste{Profile: reader.ID()} }},
		{"50 likes, explained", func(int) client.Taste { t := likes(50); t.Explain = true; return t }},
	} {
		var times []time.Duration
		for i := range p.cfg.calls {
			taste := kind.taste(i)
			sent := time.Now()
			if _, err := p.client.Recommend(ctx, taste, client.Fields("id", "title")); err != nil {
				return fmt.Errorf("%s: %w", kind.name, err)
			}
			times = append(times, time.Since(sent))
		}
		slices.Sort(times)
		p.report.P50[kind.name] = times[len(times)/2].Seconds() * 1000
		p.report.P99[kind.name] = times[len(times)*99/100].Seconds() * 1000
	}
	return nil
}

func (r *profilesReport) print(out io.Writer) {
	fmt.Fprintf(out, "%d papers; %d events of %d profiles: %.0f durable a second, %.0f bytes on disk a profile\n",
		r.Papers, r.Events, r.Profiles, r.EventsPerSec, r.BytesPerProfile)
	for _, name := range []string{"3 likes", "50 likes", "a profile", "a profile of 5,000 likes",
		"a profile that has seen 100,000", "50 likes, explained"} {
		fmt.Fprintf(out, "%-32s p50 %7.2f ms  p99 %7.2f ms\n", name, r.P50[name], r.P99[name])
	}
}
