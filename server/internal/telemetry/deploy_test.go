package telemetry

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v2"
)

// metricName finds names of metrics in an expression.
var metricName = regexp.MustCompile(`\b(?:akin|process|go)_[a-z0-9_]+`)

// expressions are the queries of the dashboard and of the alert rules, by where they stand.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	content, err := os.ReadFile("../../deploy/dashboard.json")
	if err == nil {
		err = json.Unmarshal(content, &board)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			found[p.Title+": "+target.Expr] = target.Expr
		}
	}
	for _, a := range alerts(t) {
		found[a.Alert] = a.Expr
	}
	return found
}

type alertRule struct {
	Alert       string
	Expr        string
	For         string
	Labels      map[string]string
	Annotations map[string]string
}

func alerts(t *testing.T) (all []alertRule) {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []alertRule
		}
	}
	content, err := os.ReadFile("../../deploy/alerts.yaml")
	if err == nil {
		err = yaml.UnmarshalStrict(content, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

func TestDashboardAndAlertsNameMetricsThatThereAre(t *testing.T) {
	m, _ := watched(t)
	metrics := gather(t, m)
	seen := 0
	for place, expression := range expressions(t) {
		for _, name := range metricName.FindAllString(expression, -1) {
			seen++
			base := name
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				if b, ok := strings.CutSuffix(name, suffix); ok && metrics[b] != nil {
					base = b
				}
			}
			if metrics[base] == nil {
				t.Errorf("%s: there is no metric %s", place, name)
			}
		}
	}
	if seen < 40 {
		t.Errorf("%d names were found", seen)
	}
}

func TestTheDashboardShowsAlerts(t *testing.T) {
	shown := ""
	for _, expression := range expressions(t) {
		shown += expression + "\n"
	}
	for _, metric := range []string{
		"akin_alert_matches_total", "akin_alert_deliveries_total", "akin_alert_failing_sinks",
	} {
		if !strings.Contains(shown, metric) {
			t.Errorf("no panel shows %s", metric)
		}
	}
}

func TestEveryAlertSaysWhatToDo(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range alerts(t) {
		if !strings.Contains(string(page), "### "+a.Alert+"\n") {
			t.Errorf("operations.md has nothing on %s", a.Alert)
		}
		if a.Labels["severity"] == "" || a.Annotations["summary"] == "" {
			t.Errorf("%s lacks a severity or a summary", a.Alert)
		}
	}
}
