package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/akin-search/akin/client"
	"github.com/akin-search/akin/client/export"
)

// maxText bounds what is read from standard input as one text, in bytes: the server's limit of a text, and one more so
// that a longer text is refused by the server rather than cut here.
const maxText = 64<<10 + 1

// searchFlags are the options that search, similar and recommend share.
type searchFlags struct {
	limit       int
	filter      string
	mode        string
	ef          int
	denseWeight float64
	halfLife    string
	diversity   float64
	minCosine   float64
	minOneIn    int
	parts       bool
	abstracts   bool
	partial     bool
	page        string
	format      string
}

func (f *searchFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVarP(&f.limit, "limit", "k", 10, "hits to return, at most 1,000")
	f.addRanking(cmd)
	flags.Float64Var(&f.diversity, "diversity", 0, "0 (rank by score alone) to 1 (avoid likeness to earlier hits most)")
	flags.Float64Var(&f.minCosine, "min-cosine", 0, "drop hits whose cosine is below this, -1 to 1 (default keep all)")
	flags.IntVar(&f.minOneIn, "min-one-in", 0, "drop hits as alike as more than one random pair in this many, "+
		"1 to 1,000,000 (default keep all)")
	flags.BoolVar(&f.parts, "parts", false, "show what each score is made of")
	flags.BoolVar(&f.abstracts, "abstracts", false, "show abstracts too")
	flags.BoolVar(&f.partial, "partial", false, "leave out shards that do not answer, instead of failing")
	flags.StringVar(&f.page, "page-token", "", "next_page_token of the page before, as --json prints it")
	flags.StringVar(&f.format, "format", "",
		"print the papers for reference managers: "+strings.Join(export.Formats(), ", "))
	noFiles(cmd, "limit", "diversity", "min-cosine", "min-one-in", "page-token")
	fixed(cmd, "format", export.Formats()...)
}

// addRanking adds the flags that say how a query ranks its candidates, which explain takes too.
func (f *searchFlags) addRanking(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.filter, "filter", "",
		`only papers that this accepts, such as categories:"cs.LG" AND attributes.year > 2020`)
	flags.StringVar(&f.mode, "mode", "auto", "auto, exact (score every paper), or approximate (walk the graph)")
	flags.IntVar(&f.ef, "ef", 0, "width of the graph walk, 1 to 4,096 (default the server's)")
	flags.Float64Var(&f.denseWeight, "dense-weight", 0,
		"share of the cosine in the ranking, 0 (words alone) to 1 (default by the kind of query)")
	flags.StringVar(&f.halfLife, "half-life", "",
		"age in which half of a score's lead is lost, such as 720h or 365d (default age does not count)")
	noFiles(cmd, "filter", "ef", "dense-weight", "half-life")
	fixed(cmd, "mode", "auto", "exact", "approximate")
}

// options turns the flags that were given into options of the SDK.
func (f *searchFlags) options(cmd *cobra.Command) ([]client.SearchOption, error) {
	mode, err := parseMode(f.mode)
	if err != nil {
		return nil, err
	}
	var opts []client.SearchOption
	given := cmd.Flags().Changed
	if cmd.Flags().Lookup("limit") != nil {
		if f.limit < 1 {
			return nil, usagef("--limit is %d; it must be 1 to 1,000", f.limit)
		}
		opts = append(opts, client.Limit(f.limit))
	}
	if given("filter") {
		opts = append(opts, client.Filter(f.filter))
	}
	if given("mode") {
		opts = append(opts, client.Mode(mode))
	}
	if given("ef") {
		opts = append(opts, client.Ef(f.ef))
	}
	if given("dense-weight") {
		opts = append(opts, client.DenseWeight(f.denseWeight))
	}
	if given("half-life") {
		age, err := parseAge("half-life", f.halfLife)
		if err != nil {
			return nil, err
		}
		opts = append(opts, client.HalfLife(age))
	}
	if given("diversity") {
		opts = append(opts, client.Diversity(f.diversity))
	}
	if given("min-cosine") {
		opts = append(opts, client.MinCosine(f.minCosine))
	}
	if given("min-one-in") {
		opts = append(opts, client.MinOneIn(f.minOneIn))
	}
	if f.parts {
		opts = append(opts, client.ScoreParts())
	}
	if f.format != "" {
		if err := checkFormat(f.format); err != nil {
			return nil, err
		}
	}
	if f.abstracts || f.format != "" {
		opts = append(opts, client.Abstracts())
	}
	if f.partial {
		opts = append(opts, client.AllowPartial())
	}
	if f.page != "" {
		opts = append(opts, client.PageToken(f.page))
	}
	return opts, nil
}

func parseMode(name string) (client.SearchMode, error) {
	switch name {
	case "auto":
		return client.ModeAuto, nil
	case "exact":
		return client.ModeExact, nil
	case "approximate":
		return client.ModeApproximate, nil
	}
	return 0, usagef("--mode is %q; it must be auto, exact or approximate", name)
}

// parseAge reads the duration of a flag, with days as "365d".
func parseAge(flag, text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseFloat(days, 64); err == nil && n > 0 && n < 1e5 {
			return time.Duration(n * 24 * float64(time.Hour)), nil
		}
	}
	age, err := time.ParseDuration(text)
	if err != nil || age <= 0 {
		return 0, usagef("--%s is %q; it must be a time such as 720h or 365d", flag, text)
	}
	return age, nil
}

func (a *app) searchCommand() *cobra.Command {
	var flags searchFlags
	cmd := &cobra.Command{
		Use:   "search [flags] TEXT...",
		Short: "Find the papers nearest to a text",
		Long: `Find the papers nearest to a text: a question, a title, a whole abstract. Several
arguments are one text; - reads the text from standard input.`,
		Example: `  akin search "sequence models without recurrence"
  akin search -k 3 --filter 'categories:"cs.CL"' attention for translation
  akin search --mode exact --json - < abstract.txt | jq -r '.hits[].paper.id'`,
		Args: atLeast(1, "the text to search for"), ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags.add(cmd)
	cmd.RunE = a.run(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		opts, err := flags.options(cmd)
		if err != nil {
			return err
		}
		text, err := a.text(args)
		if err != nil {
			return err
		}
		return a.answer(&flags, func(page ...client.SearchOption) (*client.Result, error) {
			return a.client.Search(ctx, text, append(opts, page...)...)
		})
	})
	return cmd
}

// answer asks for the first page of an answer and prints it. Where the server cut the page at the size of a message,
// the pages behind it are asked for too, until there are as many hits as wanted.
func (a *app) answer(flags *searchFlags, ask func(page ...client.SearchOption) (*client.Result, error)) error {
	if flags.format != "" && a.json {
		return usagef("--json and --format exclude each other")
	}
	result, err := ask()
	if err != nil {
		return err
	}
	for wanted := min(flags.limit, maxHits); len(result.Hits) < wanted && result.NextPageToken != ""; {
		more, err := ask(client.PageToken(result.NextPageToken), client.Limit(wanted-len(result.Hits)))
		if err != nil {
			return fmt.Errorf("after the first %s: %w", things(int64(len(result.Hits)), "hit", "hits"), err)
		}
		result.Hits, result.NextPageToken = append(result.Hits, more.Hits...), more.NextPageToken
		if len(more.Hits) == 0 {
			break
		}
	}
	if flags.format == "" {
		return a.printResult(result)
	}
	a.noteMissingShards(result)
	to, err := export.New(flags.format, a.out)
	if err != nil {
		return err
	}
	for _, h := range result.Hits {
		if err := to.Write(h.GetPaper()); err != nil {
			return err
		}
	}
	return to.Close()
}

// maxHits is the server's limit of hits a page.
const maxHits = 1_000

// text joins arguments into one text, or reads it from standard input for "-".
func (a *app) text(args []string) (string, error) {
	if len(args) != 1 || args[0] != "-" {
		return strings.Join(args, " "), nil
	}
	raw, err := io.ReadAll(io.LimitReader(a.env.In, maxText))
	if err != nil {
		return "", fmt.Errorf("reading standard input: %w", err)
	}
	return string(raw), nil
}

func (a *app) similarCommand() *cobra.Command {
	var flags searchFlags
	cmd := &cobra.Command{
		Use:   "similar [flags] ID",
		Short: "Find the papers nearest to a stored paper",
		Example: `  akin similar 1706.03762
  akin similar --min-cosine .6 --diversity .3 1706.03762`,
		Args: exactly(1, "the id of one paper"), ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags.add(cmd)
	cmd.RunE = a.run(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		opts, err := flags.options(cmd)
		if err != nil {
			return err
		}
		return a.answer(&flags, func(page ...client.SearchOption) (*client.Result, error) {
			return a.client.SimilarTo(ctx, args[0], append(opts, page...)...)
		})
	})
	return cmd
}

func (a *app) recommendCommand() *cobra.Command {
	var flags searchFlags
	var likes, likeTexts, dislikes, dislikeTexts, exclude []string
	var why, strict bool
	var profile, fading string
	cmd := &cobra.Command{
		Use:   "recommend [flags] [ID...]",
		Short: "Recommend papers from likes and dislikes",
		Long: `Recommend papers near to what someone likes and away from what they dislike.
Arguments are liked papers, as those of --like are. Likes may be of several
interests: each counts by itself. A paper nearer to a dislike than to every like
loses the difference. Liked, disliked and excluded papers are never recommended.
Without a like the newest and most central papers are.`,
		Example: `  akin recommend 1706.03762 1810.04805
  akin recommend --like 1706.03762 --like-text "protein structure" --dislike 1512.03385
  akin recommend 1706.03762 1810.04805 --why
  akin recommend --profile ada --fading 90d
  akin recommend 1706.03762 --exclude 1810.04805 --half-life 365d`,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags.add(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&likes, "like", nil, "id of a liked paper; repeat for more")
	f.StringArrayVar(&likeTexts, "like-text", nil, "a text to be near to; repeat for more")
	f.StringArrayVar(&dislikes, "dislike", nil, "id of a disliked paper; repeat for more")
	f.StringArrayVar(&dislikeTexts, "dislike-text", nil, "a text to be away from; repeat for more")
	f.StringArrayVar(&exclude, "exclude", nil, "id of a paper not to recommend; repeat for more")
	f.StringVar(&profile, "profile", "", "a profile whose likes, dislikes and seen papers count too; see akin profile")
	f.StringVar(&fading, "fading", "", "age in which a like of the profile counts half, such as 90d (default: none fades)")
	f.BoolVar(&why, "why", false, "say because of which likes, and by which words, each was found")
	f.BoolVar(&strict, "strict", false, "fail where a like or a dislike is not stored, instead of leaving it out")
	noFiles(cmd, "like", "like-text", "dislike", "dislike-text", "exclude")
	cmd.RunE = a.run(func(ctx context.Context, cmd *cobra.Command, args []string) error {
		opts, err := flags.options(cmd)
		if err != nil {
			return err
		}
		taste := client.Taste{
			Likes: preferences(append(likes, args...), likeTexts), Dislikes: preferences(dislikes, dislikeTexts),
			Exclude: exclude,
			Explain: why, Strict: strict, Profile: profile,
		}
		if fading != "" {
			if taste.HalfLife, err = parseAge("fading", fading); err != nil {
				return err
			}
		}
		return a.answer(&flags, func(page ...client.SearchOption) (*client.Result, error) {
			return a.client.Recommend(ctx, taste, append(opts, page...)...)
		})
	})
	return cmd
}

func preferences(ids, texts []string) []*client.Preference {
	var all []*client.Preference
	for _, id := range ids {
		all = append(all, client.FromPaper(id))
	}
	for _, text := range texts {
		all = append(all, client.FromText(text))
	}
	return all
}
