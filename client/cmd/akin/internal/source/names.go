package source

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// splitNames parts the authors of one cell or field. A separator of the caller's parts them as it is; so do a list as
// Python or JSON writes it, "|" and ";", and then "Last, First" is turned around. Otherwise they may be joined by
// "and", "&" or commas. Commas part whole names ("Ann Bee, Cy Dee") where every part has a space, and pairs where
// every second part is initials ("Bee, A., Dee, C."); other commas are those of one name ("Bee, Ann").
func splitNames(text, separator string) []string {
	if separator != "" {
		return turned(strings.Split(text, separator))
	}
	if list, ok := quotedList(text); ok {
		return turned(list)
	}
	for _, sep := range []string{"|", ";"} {
		if strings.Contains(text, sep) {
			return turned(strings.Split(text, sep))
		}
	}
	var out []string
	for _, part := range authorAnd.Split(text, -1) {
		out = append(out, commaNames(part)...)
	}
	return cleanAll(out)
}

// authorNumber matches the number that Scopus writes behind a name.
var authorNumber = regexp.MustCompile(`\s*\([0-9]{5,}\)\s*$`)

// authorAnd parts names joined by a word.
var authorAnd = regexp.MustCompile(`(?i),?\s+(?:and|&)\s+`)

// initials matches a part of a name that is nothing else: "T.", "K.-A.", "J. R.".
var initials = regexp.MustCompile(`^(?:\p{Lu}\.?[ -]?){1,4}$`)

// suffix matches what stands behind a name and is no first name.
var suffix = regexp.MustCompile(`(?i)^(?:jr|sr|ii|iii|iv|ph\.?d|m\.?d)\.?$`)

// commaNames parts names at commas, where these do not belong to one name.
func commaNames(s string) []string {
	parts := cleanAll(strings.Split(s, ","))
	if len(parts) < 2 {
		return parts
	}
	if len(parts)%2 == 0 && len(parts) > 2 {
		paired := true
		for i := 1; i < len(parts); i += 2 {
			paired = paired && initials.MatchString(parts[i]) && !initials.MatchString(parts[i-1])
		}
		if paired {
			var out []string
			for i := 0; i < len(parts); i += 2 {
				out = append(out, parts[i+1]+" "+parts[i])
			}
			return out
		}
	}
	if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(p, " ") || suffix.MatchString(p) }) {
		return parts
	}
	return []string{commaName(s)}
}

// turned turns "Last, First" around in every name.
func turned(list []string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, commaName(authorNumber.ReplaceAllString(s, "")))
	}
	return cleanAll(out)
}

// commaName turns "Last, First" and "Last, Jr, First" around and cleans any other name.
func commaName(s string) string {
	parts := strings.Split(s, ",")
	switch {
	case len(parts) == 2 && suffix.MatchString(strings.TrimSpace(parts[1])):
		return clean(parts[0] + " " + parts[1])
	case len(parts) == 2:
		return clean(parts[1] + " " + parts[0])
	case len(parts) == 3 && suffix.MatchString(strings.TrimSpace(parts[2])):
		return clean(parts[1] + " " + parts[0] + " " + parts[2])
	case len(parts) == 3:
		return clean(parts[2] + " " + parts[0] + " " + parts[1])
	}
	return clean(s)
}

// quotedList reads a list as Python and JSON write it: ['Ode, Tor', "Lind, Kaja"]. ok is false for anything else.
func quotedList(s string) (list []string, ok bool) {
	s = strings.TrimSpace(s)
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' {
		return nil, false
	}
	if json.Unmarshal([]byte(s), &list) == nil {
		return list, true
	}
	list = nil
	for s = strings.TrimSpace(s[1 : len(s)-1]); s != ""; {
		quote := s[0]
		if quote != '\'' && quote != '"' {
			return nil, false
		}
		var b strings.Builder
		i := 1
		for ; i < len(s) && s[i] != quote; i++ {
			if s[i] == '\\' && i+1 < len(s) {
				i++
			}
			b.WriteByte(s[i])
		}
		if i >= len(s) {
			return nil, false
		}
		list = append(list, b.String())
		s = strings.TrimSpace(s[i+1:])
		if s != "" {
			if s[0] != ',' {
				return nil, false
			}
			s = strings.TrimSpace(s[1:])
		}
	}
	return list, true
}
