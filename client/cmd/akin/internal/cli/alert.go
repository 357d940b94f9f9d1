package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/cmd/akin/internal/term"
	"github.com/akin-search/akin/client/export"
	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

func (a *app) alertCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "alert", Short: "Have new papers come to you",
		Long: `Subscribe to papers near to a text or a paper, to the best for a profile, to what
passes a filter, or to what is rising. New papers that match are sent by e-mail or
webhook, shown in a feed, or watched with 'akin alert watch'.`,
		Example: `  akin alert create graphs --text "attention over graphs" --email ada@example.org --daily 08:00
  akin alert preview --text "attention over graphs" --last 10000
  akin alert watch graphs`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no command %q of alert", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.createAlertCommand(), a.listAlertsCommand(), a.previewAlertCommand(), a.watchAlertCommand(),
		a.pauseAlertCommand("pause", "Send nothing until it is resumed", true), a.pauseAlertCommand("resume", "Send again",
			false),
		a.deleteAlertCommand())
	for _, c := range cmd.Commands() {
		c.DisableFlagsInUseLine = true
	}
	return cmd
}

// alertFlags are what a subscription is made of.
type alertFlags struct {
	text, paper, profile, filter, name string
	rising                             time.Duration
	oneIn, best                        int32
	minCosine                          float64
	once                               bool

	hourly        bool
	daily, weekly string
	zone          string
	emails, hooks []string
	feed          bool
	secret        string
	changed       func(flag string) bool
}

func (f *alertFlags) subject(flags *pflag.FlagSet) {
	flags.StringVar(&f.text, "text", "", "papers near to this text")
	flags.StringVar(&f.paper, "paper", "", "papers near to this stored paper")
	flags.StringVar(&f.profile, "profile", "", "the best papers of a period for this profile")
	flags.DurationVar(&f.rising, "rising", 0, "the papers that rise most in so much time, such as 168h")
	flags.StringVar(&f.filter, "filter", "", "only papers that pass this filter; alone, all of them")
	flags.Int32Var(&f.oneIn, "one-in", 0, "as near as the nearest one of so many (default 1000)")
	flags.Float64Var(&f.minCosine, "min-cosine", 0, "as near as this cosine, instead")
	flags.Int32Var(&f.best, "best", 0, "papers a period, of --profile and --rising (default 10)")
	f.changed = flags.Changed
}

func (f *alertFlags) delivery(flags *pflag.FlagSet) {
	flags.StringVar(&f.name, "name", "", "what heads a digest")
	flags.BoolVar(&f.once, "once-a-paper", false, "do not match a paper again whose text has changed")
	flags.BoolVar(&f.hourly, "hourly", false, "send at every full hour")
	flags.StringVar(&f.daily, "daily", "", "send once a day, at HH:MM")
	flags.StringVar(&f.weekly, "weekly", "", `send once a week, such as "monday 08:00"`)
	flags.StringVar(&f.zone, "zone", "", "time zone of --daily and --weekly, such as Europe/Berlin (default UTC)")
	flags.StringArrayVar(&f.emails, "email", nil, "send digests to this address, once its owner has confirmed it")
	flags.StringArrayVar(&f.hooks, "webhook", nil, "post matches to this URL")
	flags.StringVar(&f.secret, "webhook-secret", "",
		"whsec_ and the key in base64 that requests are signed with (default: the server makes one)")
	flags.BoolVar(&f.feed, "feed", false, "show matches in an Atom feed")
}

// subscription is what the flags say.
func (f *alertFlags) subscription() (*client.Subscription, error) {
	s := &client.Subscription{Filter: f.filter, DisplayName: f.name, Best: f.best, OnceAPaper: f.once}
	subjects := 0
	for flag, subject := range map[string]func(){
		"text":    func() { s.Subject = &akinv1.Subscription_Text{Text: f.text} },
		"paper":   func() { s.Subject = &akinv1.Subscription_PaperId{PaperId: f.paper} },
		"profile": func() { s.Subject = &akinv1.Subscription_ProfileId{ProfileId: f.profile} },
		"rising": func() {
			s.Subject = &akinv1.Subscription_Rising{Rising: &akinv1.RisingSubject{Period: durationpb.New(f.rising)}}
		},
	} {
		if f.changed(flag) {
			subject()
			subjects++
		}
	}
	if subjects > 1 {
		return nil, usagef("give one of --text, --paper, --profile and --rising")
	}
	if subjects == 0 && f.filter == "" {
		return nil, usagef("give --text, --paper, --profile, --rising or --filter")
	}
	if f.changed("one-in") && f.changed("min-cosine") {
		return nil, usagef("give one of --one-in and --min-cosine")
	}
	if f.changed("one-in") {
		s.Strictness = &akinv1.Subscription_OneIn{OneIn: f.oneIn}
	} else if f.changed("min-cosine") {
		s.Strictness = &akinv1.Subscription_MinCosine{MinCosine: f.minCosine}
	}
	var err error
	if s.Schedule, err = f.schedule(); err != nil {
		return nil, err
	}
	for _, address := range f.emails {
		s.Sinks = append(s.Sinks, client.EmailTo(address))
	}
	for _, url := range f.hooks {
		s.Sinks = append(s.Sinks, client.WebhookTo(url, f.secret))
	}
	if f.feed {
		s.Sinks = append(s.Sinks, client.AsFeed())
	}
	return s, nil
}

func (f *alertFlags) schedule() (*client.Schedule, error) {
	s := &client.Schedule{Every: akinv1.Every_EVERY_AT_ONCE, TimeZone: f.zone}
	chosen := 0
	if f.hourly {
		s.Every = akinv1.Every_EVERY_HOURLY
		chosen++
	}
	if f.daily != "" {
		s.Every, s.TimeOfDay = akinv1.Every_EVERY_DAILY, f.daily
		chosen++
	}
	if f.weekly != "" {
		day, at, _ := strings.Cut(f.weekly, " ")
		number := akinv1.Weekday_value["WEEKDAY_"+strings.ToUpper(day)]
		if number == 0 {
			return nil, usagef("--weekly %q: give a day and a time, such as \"monday 08:00\"", f.weekly)
		}
		s.Every, s.Weekday, s.TimeOfDay = akinv1.Every_EVERY_WEEKLY, akinv1.Weekday(number), strings.TrimSpace(at)
		chosen++
	}
	if chosen > 1 {
		return nil, usagef("give one of --hourly, --daily and --weekly")
	}
	return s, nil
}

func (a *app) createAlertCommand() *cobra.Command {
	var f alertFlags
	cmd := &cobra.Command{
		Use: "create [NAME]", Short: "Subscribe", ValidArgsFunction: cobra.NoFileCompletions,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("%q is too much: give one name", args[1])
			}
			return nil
		},
	}
	cmd.Flags().SortFlags = false
	f.subject(cmd.Flags())
	f.delivery(cmd.Flags())
	noFiles(cmd, "text", "paper", "profile", "rising", "filter", "one-in", "min-cosine", "best", "name", "daily", "weekly",
		"zone", "email",
		"webhook", "webhook-secret")
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, args []string) error {
		s, err := f.subscription()
		if err != nil {
			return err
		}
		if len(args) == 1 {
			s.SubscriptionId = args[0]
		}
		made, err := a.client.Subscribe(ctx, s)
		if err != nil {
			return err
		}
		return a.printSubscription(made)
	})
	return cmd
}

// printSubscription shows one subscription whole.
func (a *app) printSubscription(s *client.Subscription) error {
	if a.json {
		return a.printMessage(s)
	}
	rows := [][2]string{
		{"id", s.GetSubscriptionId()}, {"name", s.GetDisplayName()}, {"filter", s.GetFilter()}, {"schedule", scheduleName(s)},
		{"threshold", threshold(s)}, {"problem", s.GetProblem()},
	}
	for _, sink := range s.GetSinks() {
		rows = append(rows, [2]string{sinkKind(sink), sinkText(sink)})
		if secret := sink.GetWebhook().GetSecret(); secret != "" {
			rows = append(rows, [2]string{"secret", secret + " (shown this once)"})
		}
	}
	return a.pairs(rows...)
}

func threshold(s *client.Subscription) string {
	switch {
	case s.GetText() == "" && s.GetPaperId() == "", s.GetProblem() != "" && s.GetThreshold() == 0 && s.GetOneIn() > 0:
		return ""
	case s.GetOneIn() > 0:
		return fmt.Sprintf("cosine %s, the nearest 1 in %s", fixedPoint(s.GetThreshold()), count(int64(s.GetOneIn())))
	}
	return "cosine " + fixedPoint(s.GetMinCosine())
}

func scheduleName(s *client.Subscription) string {
	zone := s.GetSchedule().GetTimeZone()
	if zone == "" {
		zone = "UTC"
	}
	switch at := s.GetSchedule().GetTimeOfDay(); s.GetSchedule().GetEvery() {
	case akinv1.Every_EVERY_HOURLY:
		return "hourly"
	case akinv1.Every_EVERY_DAILY:
		return "daily " + at + " " + zone
	case akinv1.Every_EVERY_WEEKLY:
		day := strings.ToLower(strings.TrimPrefix(s.GetSchedule().GetWeekday().String(), "WEEKDAY_"))
		return day + " " + at + " " + zone
	}
	return "at once"
}

func sinkKind(s *client.Sink) string {
	switch {
	case s.GetEmail() != nil:
		return "email"
	case s.GetWebhook() != nil:
		return "webhook"
	}
	return "feed"
}

// sinkText is where a sink goes and how it is doing.
func sinkText(s *client.Sink) string {
	text := s.GetEmail().GetAddress() + s.GetWebhook().GetUrl() + s.GetFeed().GetUrl()
	state := strings.ToLower(strings.TrimPrefix(s.GetState().String(), "SINK_STATE_"))
	text += " (" + state
	if n := s.GetPendingCount(); n > 0 {
		text += ", " + count(n) + " pending"
	}
	if n := s.GetDroppedCount(); n > 0 {
		text += ", " + count(n) + " dropped"
	}
	if s.GetLastError() != "" {
		text += ": " + s.GetLastError()
	}
	return text + ")"
}

func (a *app) listAlertsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the subscriptions", Args: noArguments}
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, _ []string) error {
		table := term.NewTable(
			term.Column{Title: "ID", Whole: true, Style: term.Cyan},
			term.Column{Title: "NAME", Least: 12},
			term.Column{Title: "WHEN", Optional: true},
			term.Column{Title: "MATCHES", Right: true},
			term.Column{Title: "SENT TO", Optional: true},
			term.Column{Title: "STATE", Optional: true},
		)
		n := 0
		for s, err := range a.client.Subscriptions(ctx) {
			if err != nil {
				return err
			}
			n++
			if a.json {
				if err := a.printMessage(s); err != nil {
					return err
				}
				continue
			}
			var sinks []string
			for _, sink := range s.GetSinks() {
				sinks = append(sinks, sinkKind(sink)+" "+sinkText(sink))
			}
			state := s.GetProblem()
			if s.GetPaused() {
				state = "paused"
			}
			table.Row(term.Clean(s.GetSubscriptionId()), term.Clean(s.GetDisplayName()), scheduleName(s),
				count(s.GetMatchCount()),
				term.Clean(strings.Join(sinks, "; ")), term.Clean(state))
		}
		if a.json {
			return nil
		}
		if n == 0 {
			a.note("no subscriptions")
			return nil
		}
		return table.Write(a.out, a.screen)
	})
	return cmd
}

func (a *app) previewAlertCommand() *cobra.Command {
	var f alertFlags
	var last, limit int
	cmd := &cobra.Command{
		Use: "preview", Short: "Show what a subscription would have matched", Args: noArguments,
		Long: `Show what a subscription would have matched among the papers written last. Nothing is
kept: try --one-in and --filter until it is right.`,
	}
	cmd.Flags().SortFlags = false
	f.subject(cmd.Flags())
	cmd.Flags().IntVar(&last, "last", 1000, "how many of the papers written last to look at")
	cmd.Flags().IntVarP(&limit, "limit", "n", 10, "matches to show, the best")
	noFiles(cmd, "text", "paper", "profile", "rising", "filter", "one-in", "min-cosine", "best", "last", "limit")
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, _ []string) error {
		s, err := f.subscription()
		if err != nil {
			return err
		}
		preview, err := a.client.PreviewSubscription(ctx, s, last, limit)
		if err != nil {
			return err
		}
		if a.json {
			return a.printMessage(preview)
		}
		table := matchTable()
		for _, m := range preview.GetMatches() {
			table.Row(matchRow(m)...)
		}
		if preview.GetMatchCount() > 0 {
			if err := table.Write(a.out, a.screen); err != nil {
				return err
			}
		}
		a.note("%s of the last %s papers match", count(int64(preview.GetMatchCount())), count(int64(preview.GetLookedAt())))
		return nil
	})
	return cmd
}

func matchTable() *term.Table {
	return term.NewTable(
		term.Column{Title: "COSINE", Right: true, Style: term.Green},
		term.Column{Title: "ID", Whole: true, Style: term.Cyan},
		term.Column{Title: "TITLE", Least: 16, Style: term.Bold},
		term.Column{Title: "WORDS", Optional: true},
	)
}

func matchRow(m *client.Match) []string {
	return []string{
		fixedPoint(m.GetCosine()), term.Clean(m.GetPaper().GetId()), titleOf(m.GetPaper()),
		term.Clean(strings.Join(m.GetWords(), ", ")),
	}
}

func (a *app) watchAlertCommand() *cobra.Command {
	cursor, limit := "", 0
	cmd := &cobra.Command{
		Use: "watch NAME", Short: "Print matches as they come", Args: exactly(1, "one subscription"),
		Long: `Print the matches of a subscription that are kept, and then each as it comes, one a
line. With --json each line is an object with a cursor: --after CURSOR goes on behind it.`,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVar(&cursor, "after", "", "go on behind this cursor")
	cmd.Flags().IntVarP(&limit, "limit", "n", 0, "end after so many matches (default: go on until interrupted)")
	noFiles(cmd, "after", "limit")
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, args []string) error {
		seen := 0
		for m, err := range a.client.Matches(ctx, args[0], cursor) {
			if err != nil {
				return err
			}
			if err := a.printMatch(m); err != nil {
				return err
			}
			if err := a.out.Flush(); err != nil { // whoever watches sees it now
				return err
			}
			if seen++; seen == limit {
				return nil
			}
		}
		return nil
	})
	return cmd
}

func (a *app) printMatch(m client.Found) error {
	if !a.json {
		_, err := fmt.Fprintln(a.out, strings.Join(matchRow(m.Match), "\t"))
		return err
	}
	line, err := export.Message(m.Match)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, `{"cursor":%q,"match":%s}`+"\n", m.Cursor, line)
	return err
}

func (a *app) pauseAlertCommand(use, short string, paused bool) *cobra.Command {
	cmd := &cobra.Command{
		Use: use + " NAME", Short: short, Args: exactly(1, "one subscription"), ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, args []string) error {
		_, err := a.client.UpdateSubscription(ctx, &client.Subscription{SubscriptionId: args[0], Paused: paused}, "paused")
		return err
	})
	return cmd
}

func (a *app) deleteAlertCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "Remove a subscription with all its matches", Args: exactly(1, "one subscription"),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, args []string) error {
		return a.client.Unsubscribe(ctx, args[0])
	})
	return cmd
}

// alertText is a line about all alerts of a server; empty without any.
func alertText(s *akinv1.AlertStats) string {
	if s.GetSubscriptions() == 0 {
		return ""
	}
	text := fmt.Sprintf("%s, %s to match; %s matches pending, %s delivered, %s dropped",
		things(s.GetSubscriptions(), "subscription", "subscriptions"), things(s.GetUnmatchedPapers(), "paper", "papers"),
		count(s.GetPending()), count(s.GetDelivered()), count(s.GetDropped()))
	if bad := s.GetFailingSinks() + s.GetDisabledSinks(); bad > 0 {
		text += fmt.Sprintf("; %s failing, %s disabled", count(s.GetFailingSinks()), count(s.GetDisabledSinks()))
	}
	return text
}
