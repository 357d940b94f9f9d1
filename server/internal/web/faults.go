package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// refusal is an error that the page itself has found. It implements error.
type refusal struct {
	status int // of HTTP
	title  string
	text   string // what to do
}

// Error is the text.
func (r *refusal) Error() string { return r.text }

// fault is what a page of an error shows.
type fault struct {
	Status  int // of HTTP
	Title   string
	Text    string   // what is wrong, and what to do
	Details []string // fields at fault
	Search  string   // what a search for may help; empty: nothing
	Refresh int      // seconds after which to try again by itself; 0: not
}

// reasonOf is the stable reason in an error of the server, or "".
func reasonOf(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// violationsOf are the fields that an error of the server names.
func violationsOf(err error) []string {
	var out []string
	for _, d := range status.Convert(err).Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			for _, f := range bad.GetFieldViolations() {
				out = append(out, f.GetField()+" "+f.GetDescription())
			}
		}
	}
	return out
}

// retryAfter is when an error of the server says to come back, in whole seconds, 1 at least.
func retryAfter(err error) int {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return max(1, int((info.GetRetryDelay().AsDuration()+time.Second-1)/time.Second))
		}
	}
	return 2
}

// faultOf says what an error means to a reader.
func faultOf(err error) fault {
	var own *refusal
	if errors.As(err, &own) {
		return fault{Status: own.status, Title: own.title, Text: own.text}
	}
	st, ok := status.FromError(err)
	if !ok {
		return fault{Status: http.StatusInternalServerError, Title: "Something broke",
			Text: "This page could not be made. The server's log says why; the papers are safe."}
	}
	switch st.Code() {
	case codes.InvalidArgument:
		return fault{Status: http.StatusBadRequest, Title: "That was not understood", Text: st.Message() + ".",
			Details: violationsOf(err)}
	case codes.NotFound:
		return fault{Status: http.StatusNotFound, Title: "Not found", Text: st.Message() + "."}
	case codes.PermissionDenied:
		return fault{Status: http.StatusForbidden, Title: "Your token does not allow this",
			Text: "The server says: " + st.Message() + ". Sign out and in again with a token that may."}
	case codes.Unavailable:
		switch reasonOf(err) {
		case "LOADING":
			return fault{Status: http.StatusServiceUnavailable, Title: "Akin is loading its papers", Refresh: retryAfter(err),
				Text: "The server has just started. This page comes by itself as soon as the papers are there."}
		case "DISK_FULL":
			return fault{Status: http.StatusInsufficientStorage, Title: "The disk is full",
				Text: "Nothing can be stored at the moment, likes included. Searching goes on; once there is space, try again."}
		case "READ_ONLY":
			return fault{Status: http.StatusServiceUnavailable, Title: "Nothing can be stored",
				Text: "The server's disk failed, and it takes no writes until its operator has mended that. Searching goes on."}
		case "SHARD_UNAVAILABLE":
			return fault{Status: http.StatusServiceUnavailable, Title: "A part of the papers cannot be reached",
				Refresh: max(3, retryAfter(err)), Text: "The cluster says: " + st.Message() +
					". This page tries again by itself; the statistics name the nodes that are silent."}
		case "NOT_ACKNOWLEDGED":
			return fault{Status: http.StatusServiceUnavailable, Title: "Too few nodes answer", Refresh: max(3, retryAfter(err)),
				Text: "Most nodes of the cluster have to agree, and they did not in time. It is safe to try again."}
		case "LAGGING", "BEHIND":
			return fault{Status: http.StatusServiceUnavailable, Title: "This node is behind", Refresh: retryAfter(err),
				Text: "It has not yet what was written elsewhere. This page tries again by itself."}
		}
		return fault{Status: http.StatusServiceUnavailable, Title: "Akin does not answer", Refresh: max(3, retryAfter(err)),
			Text: "The server is stopping or starting again. This page tries again by itself."}
	case codes.ResourceExhausted:
		if reasonOf(err) == "PROFILE_FULL" {
			return fault{Status: http.StatusConflict, Title: "This collection is full",
				Text: "A collection holds 250,000 events. Begin another one; what is in this one stays."}
		}
		return fault{Status: http.StatusServiceUnavailable, Title: "Akin is busy", Refresh: retryAfter(err),
			Text: "There is more to do than can be done at once. This page tries again by itself."}
	case codes.DeadlineExceeded:
		return fault{Status: http.StatusGatewayTimeout, Title: "That took too long",
			Text: "The server did not finish in time. A narrower filter or the automatic mode is faster."}
	case codes.Aborted, codes.FailedPrecondition:
		if reasonOf(err) == "NOT_IN_CLUSTER" {
			return fault{Status: http.StatusNotImplemented, Title: "That is not there in this cluster",
				Text: "The server says: " + st.Message() + "."}
		}
		return fault{Status: http.StatusConflict, Title: "Something changed meanwhile",
			Text: "The server says: " + st.Message() + ". Begin again from the search."}
	}
	return fault{Status: http.StatusInternalServerError, Title: "Something broke",
		Text: "The server could not answer this. Its log says why; the papers are safe."}
}

// fail answers with what err means. Whoever is not known is asked for a token first.
func (v *visit) fail(err error) {
	if v.ctx.Err() != nil && v.r.Context().Err() != nil {
		return // the browser has gone
	}
	if status.Code(err) == codes.Unauthenticated {
		v.askFirst()
		return
	}
	f := faultOf(err)
	if f.Status == http.StatusInternalServerError {
		v.site.log.Error("a page failed", "path", v.r.URL.Path, "error", err)
	}
	if id := v.query.Get("id"); f.Status == http.StatusNotFound && id != "" {
		f.Title = "No paper is stored under this id"
		f.Text = fmt.Sprintf("“%s” may have been deleted, or be known under another id. "+
			"A search by its title finds it if it is here.", shortened(id, 120))
		f.Search = id
	}
	if f.Status == http.StatusNotImplemented && v.site.sharded {
		what := "this is"
		switch path := v.r.URL.Path; {
		case strings.HasPrefix(path, "/map"):
			what = "the map is"
		case strings.HasPrefix(path, "/alert"):
			what = "alerts are"
		}
		f.Text = "This cluster spreads its papers over shards, and " + what + " not there."
	}
	if f.Refresh > 0 {
		v.w.Header().Set("Retry-After", fmt.Sprint(f.Refresh))
		if v.r.Method != http.MethodGet {
			f.Refresh = 0 // a form is not sent again unasked
		}
	}
	v.active = nil
	page := frame{Title: f.Title, Refresh: f.Refresh, Body: f}
	if err := v.render(f.Status, "fault", page); err != nil {
		v.site.log.Error("the page of an error failed", "error", err)
		http.Error(v.w, f.Title+". "+f.Text, f.Status)
	}
}

// askFirst sends someone who is not known to the page where a token is asked for, and back afterwards.
func (v *visit) askFirst() {
	next := v.here()
	if from := v.r.PostFormValue("from"); from != "" {
		next = from // of a form: the page that it stood on
	}
	to := url.Values{"next": {next}}
	if _, err := v.r.Cookie(cookieName(v.r)); err == nil {
		to.Set("ended", "1") // a session that is over, or a token that was withdrawn
		v.site.sessions.end(v.w, v.r)
	}
	http.Redirect(v.w, v.r, "/signin?"+to.Encode(), http.StatusSeeOther)
}
