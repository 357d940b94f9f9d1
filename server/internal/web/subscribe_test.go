package web

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
	"github.com/akin-search/akin/server/internal/alert"
)

// subscribing are the fields of a form as it stands, with others instead.
func subscribing(id string, fields ...string) []string {
	return append([]string{
		"id", id, "one_in", "10", "best", "10", "every", "day", "at", "08:00", "zone", "UTC", "from", "/",
	}, fields...)
}

// subscription is what the server has under an id.
func (r *rig) subscription(id string) *akinv1.Subscription {
	r.t.Helper()
	answer, err := akinv1.NewAlertServiceClient(r.conn).GetSubscription(r.ctx, &akinv1.GetSubscriptionRequest{
		SubscriptionId: id,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return answer.GetSubscription()
}

var subscribeFields = regexp.MustCompile(`(?s)<form method="post" action="/alerts">(.*?)</form>`)
var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// hiddenIn are the hidden fields of the form to subscribe.
func hiddenIn(a answer) map[string]string {
	fields := make(map[string]string)
	if form := subscribeFields.FindStringSubmatch(a.body); form != nil {
		for _, m := range hiddenField.FindAllStringSubmatch(form[1], -1) {
			fields[m[1]] = strings.NewReplacer("&#34;", `"`, "&#43;", "+", "&gt;", ">", "&lt;", "<", "&amp;", "&").Replace(m[2])
		}
	}
	return fields
}

// TestASearchAPaperAndACollectionCanBeSubscribedTo sends the form of each page as it stands.
func TestASearchAPaperAndACollectionCanBeSubscribedTo(t *testing.T) {
	r := newAlertRig(t, nil, alert.Config{PublicURL: "https://akin.example.org"})
	r.storeSample()
	r.post("/like", "do", "like 1 moefication", "from", "/")
	for _, c := range []struct {
		path, field, want, filter, says string
	}{
		{"/search?q=sparse+attention", "text", "sparse attention", "", "near to “sparse attention”"},
		{"/search?q=sparse+attention&category=cs.LG&from=2016", "text", "sparse attention",
			`categories:"cs.LG" AND publish_time >= "2016-01-01T00:00:00Z"`, "near to “sparse attention”"},
		{"/paper?id=fftnet", "paper", "fftnet", "", "near to fftnet"},
		{"/collection", "collection", "likes", "", "for the collection “likes”"},
		{"/recent?category=cs.LG", "", "", `categories:"cs.LG"`, "All papers that the filter accepts"},
	} {
		page := r.get(c.path)
		hidden := hiddenIn(page)
		if hidden[c.field] != c.want || hidden["filter"] != c.filter || hidden["id"] == "" || hidden["from"] != page.path {
			t.Errorf("%s: the form holds %q", c.path, hidden)
			continue
		}
		var fields []string
		for name, value := range hidden {
			fields = append(fields, name, value)
		}
		fields = append(fields, "feed", "yes", "name", "Mine & <b>", "every", "week", "at", "07:30", "zone", "Europe/Berlin")
		a := r.post("/alerts", subscribing(hidden["id"], fields...)...)
		a.wants(t, http.StatusOK, "Mine &amp; &lt;b&gt;", c.says, "Mondays at 07:30 Europe/Berlin",
			`href="https://akin.example.org/alerts/feed/`)
		if want := alertPath(hidden["id"]); a.path != want {
			t.Errorf("%s: came to %s, wants %s", c.path, a.path, want)
		}
		s := r.subscription(hidden["id"])
		if s.GetFilter() != c.filter || s.GetText()+s.GetPaperId()+s.GetProfileId() != c.want {
			t.Errorf("%s: made %v", c.path, s)
		}
		if near := c.field == "text" || c.field == "paper"; near != (s.GetOneIn() == 10) {
			t.Errorf("%s: one in %d", c.path, s.GetOneIn())
		}
		r.get("/alerts").wants(t, http.StatusOK, "subscription="+hidden["id"])
	}
	for _, path := range []string{"/search", "/search?q=sparse&from=soon", "/recent", "/collection?view=liked",
		"/collection?name=fresh"} {
		r.get(path).lacks(t, `action="/alerts"`)
	}
}

func TestWhatMatchesIsShownWithoutAnAddressOfTheServer(t *testing.T) {
	r := newRig(t, nil)
	r.storeSample()
	r.post("/alerts", subscribing("s", "filter", `categories:"peat"`)...).
		wants(t, http.StatusOK, "would have matched", "No paper has matched yet")
	r.post("/alerts", subscribing("moe", "text", "mixture of experts")...).
		wants(t, http.StatusOK, "What it would have found", `id="p1"`, "/why?q=mixture&#43;of&#43;experts")
	for i := range latestMatches + 5 {
		r.store(&akinv1.Paper{Id: fmt.Sprintf("peat-%02d", i), Title: fmt.Sprintf("Peat bogs of place%d", i),
			Categories: []string{"peat"}})
	}
	for end := time.Now().Add(time.Minute); r.subscription("s").GetMatchCount() < latestMatches+5; {
		if time.Now().After(end) {
			t.Fatal("the papers never matched")
		}
		time.Sleep(5 * time.Millisecond)
	}
	a := r.get("/alert?subscription=s")
	a.wants(t, http.StatusOK, "Matched last", "55 matched")
	if got := titlesIn(a); len(got) != latestMatches || got[0] != "peat-54" || got[latestMatches-1] != "peat-05" {
		t.Errorf("shows %q", got)
	}
	if _, err := r.papers.DeletePaper(r.ctx, &akinv1.DeletePaperRequest{Id: "peat-54"}); err != nil {
		t.Fatal(err)
	}
	if got := titlesIn(r.get("/alert?subscription=s")); len(got) != latestMatches || got[0] != "peat-53" {
		t.Errorf("once the last one is deleted: %q", got)
	}
}

func TestAServerThatCannotSendSaysWhatToSet(t *testing.T) {
	r := newRig(t, nil)
	r.post("/alerts", subscribing("s", "text", "peat", "feed", "yes", "name", "Bogs")...).
		wants(t, http.StatusConflict, "--public-url", `value="Bogs"`, "checked", `name="text" value="peat"`)
	r.post("/alerts", subscribing("s", "text", "peat", "email", "ada@example.org")...).
		wants(t, http.StatusConflict, "--smtp-server", "--smtp-from", `value="ada@example.org"`)
	r.get("/alerts").wants(t, http.StatusOK, "No subscription yet")
	r.post("/alerts", subscribing("s", "text", "peat", "every", "now")...).wants(t, http.StatusOK, "sent at once")
}

func TestAFormThatIsRefusedComesBackAsItWas(t *testing.T) {
	r := newRig(t, nil)
	for _, c := range []struct{ field, value, says string }{
		{"one_in", "many", "How near is a whole number"}, {"one_in", "0", "How near "},
		{"every", "never", "Choose when"}, {"at", "25:00", "The time "}, {"zone", "Nowhere/Else", "The time zone "},
		{"email", "no address", "The e-mail address "}, {"filter", "xx((", "The filter "},
	} {
		a := r.post("/alerts", subscribing("s", "text", "peat", c.field, c.value)...)
		a.wants(t, http.StatusUnprocessableEntity, `role="alert"`, c.says, `name="text" value="peat"`)
		a.lacks(t, "subscription.", "rpc error")
	}
	r.post("/alerts", subscribing("s")...).wants(t, http.StatusUnprocessableEntity, "The filter is required")
	r.post("/alerts", "text", "peat").wants(t, http.StatusBadRequest, "incomplete")
	r.post("/alerts", subscribing("p", "paper", "nowhere")...).wants(t, http.StatusNotFound)
}

func TestAFormThatComesTwiceMakesOneSubscription(t *testing.T) {
	r := newRig(t, nil)
	r.post("/alerts", subscribing("s", "text", "peat")...).wants(t, http.StatusOK)
	again := r.post("/alerts", subscribing("s", "text", "moss")...)
	again.wants(t, http.StatusConflict, "already", alertPath("s"))
	if id := hiddenIn(again)["id"]; id == "" || id == "s" {
		t.Errorf("offers the id %q", id)
	}
	if r.subscription("s").GetText() != "peat" {
		t.Error("the first one was changed")
	}
}

func TestPauseResumeAndDelete(t *testing.T) {
	r := newRig(t, nil)
	r.post("/alerts", subscribing("s &", "text", "peat")...)
	a := r.post("/alert/pause", "subscription", "s &", "do", "pause", "from", "/alerts")
	a.wants(t, http.StatusOK, "paused", "Resume")
	if a.path != "/alerts" || !r.subscription("s &").GetPaused() {
		t.Errorf("at %s: %v", a.path, r.subscription("s &"))
	}
	r.post("/alert/pause", "subscription", "s &", "do", "resume", "from", alertPath("s &")).
		wants(t, http.StatusOK, "Pause<span")
	if r.subscription("s &").GetPaused() {
		t.Error("still paused")
	}
	for range 2 { // once more, it is gone already
		r.post("/alert/delete", "subscription", "s &").wants(t, http.StatusOK, "No subscription yet")
	}
	r.get(alertPath("s &")).wants(t, http.StatusNotFound, "There is no such subscription")
	r.get("/alert").wants(t, http.StatusNotFound, "There is no such subscription")
	r.post("/alert/pause", "subscription", "s &", "do", "pause", "from", "/").wants(t, http.StatusNotFound)
}

func TestSubscriptionsAreOfWhoeverSignedIn(t *testing.T) {
	r := newRig(t, newKeys(t))
	a := r.post("/alerts", subscribing("s", "text", "peat", "from", "/search?q=peat")...)
	a.wants(t, http.StatusOK, "Sign in")
	if !strings.Contains(a.path, url.QueryEscape("/search?q=peat")) {
		t.Errorf("goes on at %s", a.path)
	}
	r.post("/signin", "token", readToken, "next", "/")
	r.post("/alerts", subscribing("s", "text", "peat")...).wants(t, http.StatusOK, "would have matched")
	r.ctx = metadata.AppendToOutgoingContext(r.ctx, "authorization", "Bearer "+readToken)
	if got := r.subscription("s").GetPrincipal(); got != "ben" {
		t.Errorf("is of %q", got)
	}
	r.client = r.newClient()
	r.post("/signin", "token", writeToken, "next", "/")
	r.get("/alerts").wants(t, http.StatusOK, "No subscription yet")
	r.get(alertPath("s")).wants(t, http.StatusNotFound)
}
