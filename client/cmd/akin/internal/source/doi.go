package source

import (
	"net/url"
	"regexp"
	"strings"
)

// maxDOI is the contract's limit, in bytes.
const maxDOI = 256

// doiForm matches a DOI within a text: a directory code with its registrant, and a suffix without white space.
var doiForm = regexp.MustCompile(`10\.[0-9]{4,9}(?:\.[0-9]+)*/[^\s"]+`)

// escapedSigns undoes LaTeX's escapes in DOIs and addresses, where the signs stand for themselves.
var escapedSigns = strings.NewReplacer(`{\_}`, "_", `\_`, "_", `{\%}`, "%", `\%`, "%", `{\&}`, "&", `\&`, "&", `{\#}`,
	"#", `\#`, "#",
	`{\~{}}`, "~", `\~{}`, "~", `{\textasciitilde}`, "~", `\textasciitilde{}`, "~", `\textasciitilde`, "~", `$\sim$`, "~",
	`{\textless}`, "<", `{\textgreater}`, ">", `\{`, "{", `\}`, "}")

// bareDOI returns the DOI in s without a resolver or scheme in front, such as https://doi.org/, http://doi.acm.org/ or
// doi:, or "" where s holds none. A prefix that is no DOI's own must end in a mark, so that not any number is taken
// for one.
func bareDOI(s string) string {
	s = unmarked(escapedSigns.Replace(strings.TrimSpace(s)))
	if strings.Contains(s, "%2F") || strings.Contains(s, "%2f") {
		if plain, err := url.PathUnescape(s); err == nil {
			s = plain
		}
	}
	m := doiForm.FindStringIndex(s)
	if m == nil || m[0] > 0 && !strings.ContainsRune("/:=( [<", rune(s[m[0]-1])) {
		return ""
	}
	doi := strings.TrimRight(s[m[0]:m[1]], ".,;")
	for _, pair := range []string{"()", "<>", "[]"} {
		if strings.Count(doi, pair[1:]) > strings.Count(doi, pair[:1]) {
			doi = strings.TrimRight(doi, pair[1:]+".,;")
		}
	}
	if m[0] > 0 && strings.HasPrefix(strings.ToLower(s), "http") {
		doi, _, _ = strings.Cut(doi, "?") // a publisher's page, with its own questions behind
		doi, _, _ = strings.Cut(doi, "#")
	}
	if len(doi) > maxDOI || strings.HasSuffix(doi, "/") {
		return ""
	}
	return doi
}

// bareURL returns the first address of a list, without LaTeX's escapes, or "".
func bareURL(s string) string {
	s = escapedSigns.Replace(strings.TrimSpace(s))
	if i := strings.IndexAny(s, " \t\n;|"); i >= 0 {
		if rest := strings.TrimLeft(s[i:], " \t\n;|"); rest == "" || strings.Contains(rest, "://") {
			s = strings.TrimRight(s[:i], ";|")
		}
	}
	return clean(present(s))
}
