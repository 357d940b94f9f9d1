package web

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed templates
var templateFiles embed.FS

// parsePages makes a template of each page: the frame, the parts that pages share, and the page's own file.
func parsePages(a *assets) map[string]*template.Template {
	functions := template.FuncMap{
		"asset":    a.path,
		"has":      func(name string) bool { _, ok := a.files[name]; return ok },
		"paper":    paperPath,
		"number":   number,
		"score":    func(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) },
		"rarity":   rarity,
		"counted":  counted,
		"bytes":    byteCount,
		"nearness": nearness,
		"within":   within,
		"onPage":   onPage,
		"int":      func(n int64) int { return int(n) },
		"sizes":    sizes,
	}
	shared := template.Must(template.New("").Funcs(functions).ParseFS(templateFiles, "templates/parts/*.html"))
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		panic(err)
	}
	pages := make(map[string]*template.Template)
	for _, file := range names {
		page := template.Must(template.Must(shared.Clone()).ParseFS(templateFiles, file))
		pages[strings.TrimSuffix(path.Base(file), ".html")] = page
	}
	return pages
}

// within is what a template of a list needs besides the list: the frame of the page around it.
func within(f frame, l *list) map[string]any { return map[string]any{"Frame": f, "List": l} }

// onPage is what the buttons of a subscription need besides it: the address that they come back to.
func onPage(f frame, item alertItem) map[string]any {
	return map[string]any{"Here": f.Here, "Item": item}
}

// sizes are the lengths of a page that its form offers, the present one among them.
func sizes(now int) []int {
	all := []int{20, 50, 100, 500}
	if !slices.Contains(all, now) {
		all = append(all, now)
		slices.Sort(all)
	}
	return all
}

// number is a whole number with its thousands apart.
func number(n any) string {
	digits := fmt.Sprint(n)
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// rarity is how rare a likeness is, for people: 1 in 12,000. Empty where it is not known.
func rarity(oneIn int32) string {
	if oneIn <= 0 {
		return ""
	}
	n := int64(oneIn)
	for p := int64(1); p <= 100_000; p *= 10 { // two digits say enough
		if n >= 100*p && n < 1000*p {
			n = (n + p*10/2) / (p * 10) * (p * 10)
			break
		}
	}
	return "1 in " + number(n)
}

// nearness grades how rare a likeness is, 0 to 5: each step is about five times as rare as the one before.
func nearness(oneIn int32) int {
	steps := []int32{20, 100, 500, 2500, 12500}
	n, _ := slices.BinarySearch(steps, oneIn+1)
	return n
}

// byteCount is a size for people.
func byteCount(n int64) string {
	f := float64(n)
	for _, unit := range []string{"bytes", "KB", "MB", "GB"} {
		if f < 1000 {
			if unit == "bytes" || f >= 100 {
				return fmt.Sprintf("%.0f %s", f, unit)
			}
			return fmt.Sprintf("%.1f %s", f, unit)
		}
		f /= 1000
	}
	return fmt.Sprintf("%.1f TB", f)
}

// unique sorts texts and drops what is there twice.
func unique(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}
