package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/cmd/akin/internal/term"
	"github.com/akin-search/akin/client/export"
)

func (a *app) profileCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "profile", Short: "Keep what someone likes and has seen",
		Long: `Keep what someone likes, dislikes, has read and was shown, on the server, and
recommend by it with 'akin recommend --profile NAME'. A profile needs no making:
it begins with its first event. Papers are named by id, stored or not.`,
		Example: `  akin profile like ada 1706.03762 1810.04805
  akin profile seen ada 1512.03385
  akin profile show ada
  akin recommend --profile ada --why`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no command %q of profile", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, kind := range []struct {
		use, short string
		kind       client.EventKind
	}{
		{"like", "Record that papers are liked", client.Like},
		{"dislike", "Record that papers are disliked", client.Dislike},
		{"not-interested", "Record that papers are of no interest, a dislike at half the weight", client.NotInterested},
		{"seen", "Record that papers were read: they are not recommended again", client.Read},
		{"shown", "Record that papers were shown: they are not recommended for 30 days", client.Shown},
	} {
		cmd.AddCommand(a.recordCommand(kind.use, kind.short, kind.kind))
	}
	cmd.AddCommand(a.undoCommand(), a.showProfileCommand(), a.listProfilesCommand(), a.deleteProfileCommand(),
		a.importEventsCommand())
	for _, c := range cmd.Commands() {
		c.DisableFlagsInUseLine = true
	}
	return cmd
}

// profileAnd asks for a profile and something more.
func profileAnd(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < 2 {
			return usagef("give a profile and %s", what)
		}
		return nil
	}
}

func oneProfile(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usagef("give one profile")
	}
	return nil
}

func (a *app) recordCommand(use, short string, kind client.EventKind) *cobra.Command {
	cmd := &cobra.Command{
		Use: use + " PROFILE ID...", Short: short, Args: profileAnd("the ids of papers"),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	weight := 0.
	if kind != client.Read && kind != client.Shown {
		cmd.Flags().Float64Var(&weight, "weight", 1, "how much it counts against the others, up to 1000")
		noFiles(cmd, "weight")
	}
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, args []string) error {
		events := make([]*client.Event, 0, len(args)-1)
		for _, id := range args[1:] {
			events = append(events, &client.Event{Kind: kind, PaperId: id, Weight: weight})
		}
		return a.record(ctx, args[0], events)
	})
	return cmd
}

func (a *app) undoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "undo PROFILE EVENT...", Short: "Take events back, by the ids that show prints",
		Args: profileAnd("the ids of events"), ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, args []string) error {
		events := make([]*client.Event, 0, len(args)-1)
		for _, id := range args[1:] {
			events = append(events, &client.Event{Kind: client.Undo, Undoes: id})
		}
		return a.record(ctx, args[0], events)
	})
	return cmd
}

func (a *app) record(ctx context.Context, profile string, events []*client.Event) error {
	n, err := a.client.Profile(profile).Record(ctx, events...)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(struct {
			Recorded int `json:"recorded"`
		}{n})
	}
	a.note("%s recorded", things(int64(n), "event", "events"))
	return nil
}

func (a *app) showProfileCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show PROFILE", Short: "Show what a profile likes and dislikes", Args: oneProfile,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, args []string) error {
		p, err := a.client.Profile(args[0]).State(ctx)
		if err != nil {
			return err
		}
		if a.json {
			return a.printMessage(p)
		}
		table := term.NewTable(
			term.Column{Title: "KIND"},
			term.Column{Title: "PAPER", Whole: true, Style: term.Cyan},
			term.Column{Title: "WEIGHT", Right: true, Optional: true},
			term.Column{Title: "WHEN", Optional: true},
			term.Column{Title: "EVENT", Whole: true, Optional: true},
		)
		for _, side := range [][]*client.ProfilePreference{p.GetLikes(), p.GetDislikes()} {
			for _, one := range side {
				table.Row(kindName(one.GetKind()), term.Clean(one.GetPaperId()), fixedPoint(one.GetWeight()),
					one.GetEventTime().AsTime().Local().Format(time.DateTime), term.Clean(one.GetEventId()))
			}
		}
		if len(p.GetLikes())+len(p.GetDislikes()) > 0 {
			if err := table.Write(a.out, a.screen); err != nil {
				return err
			}
		}
		a.note("%s; %d read, %d shown", things(int64(p.GetEventCount()), "event", "events"), p.GetReadCount(),
			p.GetShownCount())
		return nil
	})
	return cmd
}

func kindName(kind client.EventKind) string {
	switch kind {
	case client.Like:
		return "like"
	case client.Dislike:
		return "dislike"
	case client.NotInterested:
		return "not interested"
	}
	return kind.String()
}

func (a *app) listProfilesCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the profiles", Args: noArguments}
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, _ []string) error {
		table := term.NewTable(
			term.Column{Title: "PROFILE", Whole: true, Style: term.Cyan},
			term.Column{Title: "EVENTS", Right: true},
			term.Column{Title: "SINCE", Optional: true},
			term.Column{Title: "LAST", Optional: true},
		)
		n := 0
		for p, err := range a.client.Profiles(ctx) {
			if err != nil {
				return err
			}
			n++
			if a.json {
				if err := a.printMessage(p); err != nil {
					return err
				}
				continue
			}
			table.Row(term.Clean(p.GetProfileId()), count(int64(p.GetEventCount())),
				p.GetCreateTime().AsTime().Local().Format(time.DateTime), p.GetUpdateTime().AsTime().Local().Format(time.DateTime))
		}
		if a.json {
			return nil
		}
		if n == 0 {
			a.note("no profiles")
			return nil
		}
		return table.Write(a.out, a.screen)
	})
	return cmd
}

func (a *app) deleteProfileCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "delete PROFILE", Short: "Remove a profile with all its events", Args: oneProfile,
		Long: `Remove a profile with all its events. It is gone from later backups; earlier ones
hold it, and restoring one brings it back.`,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, args []string) error {
		return a.client.Profile(args[0]).Delete(ctx)
	})
	return cmd
}

// eventsPart is how many events go to the server at once.
const eventsPart = 1000

func (a *app) importEventsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "import [FILE]", Short: "Record the events that 'akin export --profiles' wrote", Args: atMostOneFile,
		Long: `Record events from FILE or standard input, one JSON object a line, as
'akin export --profiles' writes them. Events that are recorded already change
nothing, so it may be run again.`,
	}
	cmd.RunE = a.run(func(ctx context.Context, _ *cobra.Command, args []string) error {
		in := a.env.In
		if len(args) == 1 && args[0] != "-" {
			file, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer file.Close()
			in = file
		}
		read, recorded, err := a.importEvents(ctx, in)
		if err != nil {
			return err
		}
		a.note("%s read, %s new", things(int64(read), "event", "events"), count(int64(recorded)))
		return nil
	})
	return cmd
}

func (a *app) importEvents(ctx context.Context, in io.Reader) (read, recorded int, err error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	var events []*client.Event
	flush := func() error {
		n, err := a.client.RecordEvents(ctx, events)
		recorded, events = recorded+n, events[:0]
		return err
	}
	for number := 1; lines.Scan(); number++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		e := &client.Event{}
		if err := protojson.Unmarshal(line, e); err != nil {
			return read, recorded, fmt.Errorf("line %d is no event: %w", number, err)
		}
		read++
		if events = append(events, e); len(events) == eventsPart {
			if err := flush(); err != nil {
				return read, recorded, err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return read, recorded, err
	}
	return read, recorded, flush()
}

// exportEvents writes the events of all profiles, one JSON object a line.
func (a *app) exportEvents(ctx context.Context, w io.Writer) (int64, error) {
	var n int64
	for p, err := range a.client.Profiles(ctx) {
		if err != nil {
			return n, err
		}
		for e, err := range a.client.Profile(p.GetProfileId()).Events(ctx) {
			if err != nil {
				return n, err
			}
			line, err := export.Message(e)
			if err != nil {
				return n, err
			}
			if _, err := w.Write(append(line, '\n')); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

var errFormatOfProfiles = errors.New("profiles are written as JSON lines alone: leave --format and --filter out")

// printMessage writes a message in protobuf's JSON form on one line.
func (a *app) printMessage(m proto.Message) error {
	line, err := export.Message(m)
	if err != nil {
		return err
	}
	_, err = a.out.Write(append(line, '\n'))
	return err
}
