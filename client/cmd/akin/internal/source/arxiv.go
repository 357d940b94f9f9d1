package source

import (
	"regexp"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// arxiv reads the public snapshot of arXiv's metadata. The snapshot has one line a paper with the list of its
// versions; publish_time is the first version's day and the attribute versions counts them. Files put together from
// other dumps have a line a version instead, with ids such as 2101.00001v2: there the version goes out of the id, and
// a line whose version is older than one already read is left out. A later version's line follows as the same paper,
// which the server takes as an update, so the latest one stays in whatever order the lines come.
type arxiv struct {
	latest map[uint64]int // hash of the id -> highest version read; only of ids that name theirs
}

// versionSuffix parts an id and the version it names.
var versionSuffix = regexp.MustCompile(`^(.+[0-9])v([1-9][0-9]{0,3})$`)

// parse reads one line; one with an older version of a paper already read is dropped.
func (a *arxiv) parse(object []byte, d *draft) error {
	var r struct {
		ID         word       `json:"id"`
		Title      string     `json:"title"`
		Abstract   string     `json:"abstract"`
		Authors    string     `json:"authors"`
		Parsed     [][]string `json:"authors_parsed"`
		Categories string     `json:"categories"`
		DOI        string     `json:"doi"`
		JournalRef string     `json:"journal-ref"`
		Versions   []struct {
			Version string `json:"version"`
			Created string `json:"created"`
		} `json:"versions"`
		UpdateDate string `json:"update_date"`
	}
	if err := decode(object, &r); err != nil {
		return err
	}
	id := clean(string(r.ID))
	if id == "" {
		return errNoID
	}
	p := d.p
	d.plain = plainLaTeX
	p.Title, p.Abstract, p.Authors = r.Title, r.Abstract, arxivAuthors(r.Parsed, r.Authors)
	p.Categories, p.Doi = strings.Fields(r.Categories), firstOf(strings.Fields(r.DOI)...) // some records list several DOIs
	version := len(r.Versions)
	if m := versionSuffix.FindStringSubmatch(id); m != nil {
		id = m[1]
		version, _ = atoi(m[2])
		if a.latest == nil {
			a.latest = make(map[uint64]int)
		}
		key := xxhash.Sum64String(id)
		if a.latest[key] > version {
			d.dropped = true
			return nil
		}
		a.latest[key] = version
	}
	p.Id, p.Url = id, "https://arxiv.org/abs/"+id
	if len(r.Versions) > 0 {
		d.date(r.Versions[0].Created)
	} else {
		d.date(r.UpdateDate)
	}
	if version > 0 {
		d.number("versions", float64(version))
	}
	d.string("update_date", r.UpdateDate)
	d.string("journal_ref", r.JournalRef)
	return nil
}

// authorBreak parts the names of a line of authors.
var authorBreak = regexp.MustCompile(`,\s+and\s+|,|\s+and\s+`)

// arxivAuthors prefers the parsed names, which are [last, first, suffix], to the line of authors.
func arxivAuthors(parsed [][]string, line string) []string {
	if len(parsed) == 0 {
		return cleanAll(authorBreak.Split(clean(line), -1))
	}
	names := make([]string, 0, len(parsed))
	for _, n := range parsed {
		var last, first, suffix string
		switch {
		case len(n) > 2:
			suffix = n[2]
			fallthrough
		case len(n) > 1:
			first = n[1]
			fallthrough
		case len(n) > 0:
			last = n[0]
		}
		names = append(names, first+" "+last+" "+suffix)
	}
	return cleanAll(names)
}
