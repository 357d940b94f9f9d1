package source

import (
	"errors"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// page reads text copied from a web page that lists papers: a title on one line, its abstract on the next, over and
// over, with the page's own words in between. Only their shape tells the lines apart. A line of an abstract is long
// (see prose); any other line is short. Then
//
//   - a short line in front of an abstract is its title;
//   - a long line after a long line is the abstract's next paragraph;
//   - a short line that no abstract follows is a paper without an abstract, or one of the page's own words. Those that
//     pages are known to carry (banner) are passed over in silence. Before the first paper any other such line is an
//     *ItemError, since pages begin with headings; after it, it is a paper's title.
//
// Lines that are empty count for nothing. Text wrapped at a fixed width is not in this form.
type page struct {
	lines *lines
	begun bool // a paper was found

	title     string // the short line that waits for its abstract
	titleLine int
	abstract  []string // its lines
	size      int      // bytes of them
	fault     error    // of a line of the paper in hand
	ended     error    // why the text ended; set once
}

// newPage reads a page.
func newPage(l *lines) *page { return &page{lines: l} }

// glued matches words of a page's buttons that copying leaves without a space in front of what follows them. Only words
// that begin no title in such a way are here: a paper may well be called ShareGPT4V.
var glued = regexp.MustCompile(`^(?:Subscribe|Unsubscribe|Upvote|Sign [Ii]n|Sign [Uu]p|Log [Ii]n|Log [Oo]ut|` +
	`Read [Mm]ore|Load [Mm]ore|` +
	`See [Aa]ll|View [Aa]ll|Show [Mm]ore|Skip to (?:main )?content)(\p{Lu}.*)$`)

// banner matches lines that are no titles: what pages ask of their readers, their buttons and their counts.
var banner = regexp.MustCompile(`(?i)\b(?:in your (?:e-?mail )?inbox|newsletter|` +
	`cookies?\b.*\b(?:accept|policy|consent|settings)|accept (?:all )?cookies|` +
	`all rights reserved|terms of (?:service|use)|privacy policy)\b|` +
	`^\W*(?:un)?subscribe\b.{0,60}$|^\W*(?:sign|log)[ -]?(?:in|up|out)\b.{0,40}$|` +
	`^\W*(?:upvote|downvote|share|save|submit|follow|menu|search|home|about|contact|help|` +
	`login|logout|register|next|previous|prev|back|more|` +
	`(?:load|show|read|see|view) (?:more|all|less)|next page|previous page|back to top|` +
	`skip to (?:main )?content|(?:trending|daily|latest|top) papers|` +
	`abstract|pdf|html|code|view pdf|arxiv page|github)\W*$|` +
	`^\W*(?:page )?\d+(?:\.\d+)?[km]?(?: (?:of|/) \d+)?` +
	`(?: (?:papers?|results?|upvotes?|comments?|likes?|stars?|authors?|citations?))?\W*$|` +
	`^\W*©`)

// prose reports whether a line has the shape of an abstract's text: forty words, or two sentences of at least twelve
// words together, or, in scripts without spaces, two full stops or 150 characters.
func prose(line string) bool {
	words := strings.Fields(line)
	if len(words) >= 40 {
		return true
	}
	if wide := strings.Count(line, "。"); wide >= 2 || len(words) <= 6 && utf8.RuneCountInString(line) >= 150 {
		return true
	}
	if len(words) < 12 {
		return false
	}
	for i, w := range words[:len(words)-1] {
		next, _ := utf8.DecodeRuneInString(words[i+1])
		if len(w) > 3 && strings.HasSuffix(w, ".") && unicode.IsUpper(next) {
			return true
		}
	}
	return false
}

// next returns the next paper, or the next line that is none.
func (g *page) next() (*draft, error) {
	for g.ended == nil {
		raw, err := g.lines.read()
		if err != nil && !isPieceError(err) {
			g.ended = err
			break
		}
		line, at := clean(string(raw)), g.lines.line
		if m := glued.FindStringSubmatch(line); m != nil {
			line = m[1]
		}
		switch {
		case err != nil && g.title != "" && prose(line):
			g.add(line)
			g.fault = err
		case err != nil: // a title: its abstract goes with it
			p, done := g.take()
			g.title, g.titleLine, g.fault = line, at, err
			if p != nil || done != nil {
				return p, done
			}
		case line == "":
		case prose(line):
			if g.title == "" {
				return nil, &ItemError{
					Line: at, Record: excerpt(raw), Err: errors.New("an abstract without a title line in front of it"),
				}
			}
			g.add(line)
			g.begun = true
		case banner.MatchString(line), !strings.ContainsFunc(line, unicode.IsLetter):
		default:
			p, done := g.take()
			g.title, g.titleLine = line, at
			if p != nil || done != nil {
				return p, done
			}
		}
	}
	if errors.Is(g.ended, io.EOF) {
		if p, err := g.take(); p != nil || err != nil {
			return p, err
		}
	}
	return nil, g.ended
}

// add takes in a line of the abstract in hand.
func (g *page) add(line string) {
	if g.size += len(line) + 1; g.size > g.lines.limit {
		g.abstract, g.fault = nil, errTooLong(g.lines.limit)
		return
	}
	g.abstract = append(g.abstract, line)
}

// take returns the paper in hand, or why it is none, and has nothing in hand afterwards.
func (g *page) take() (*draft, error) {
	title, abstract, at, fault := g.title, strings.Join(g.abstract, " "), g.titleLine, g.fault
	g.title, g.abstract, g.size, g.fault = "", nil, 0, nil
	switch {
	case title == "":
		return nil, nil
	case fault != nil:
		return nil, &ItemError{Line: at, Record: excerpt([]byte(title)), Err: fault}
	case abstract == "" && !g.begun:
		return nil, &ItemError{Line: at, Record: excerpt([]byte(title)),
			Err: errors.New("no abstract follows, and no paper came before: taken for the page's heading")}
	}
	d := newDraft(at, g.lines.notes)
	d.p.Title, d.p.Abstract = title, abstract
	return d, nil
}
