package web

import (
	"context"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"google.golang.org/grpc"

	akinv1 "github.com/akin-search/akin/proto/akin/v1"
)

// Config says what to show.
type Config struct {
	// Conn reaches the services of akin.v1. The page adds the caller's token to each call, as metadata. It is not closed.
	Conn grpc.ClientConnInterface
	// Logger is told what no one should have seen: faults of the page and of the server. Nil: slog.Default().
	Logger *slog.Logger
	// Version is the release of the server, shown at the foot of each page.
	Version string
	// Sharded says that the papers are spread over shards, where there are no map and no alerts.
	Sharded bool
	// Now is the time by which sessions end. Nil: time.Now.
	Now func() time.Time
}

// Site serves the page. It is an http.Handler for any number of requests at a time.
type Site struct {
	papers     akinv1.PaperServiceClient
	similarity akinv1.SimilarityServiceClient
	profiles   akinv1.ProfileServiceClient
	index      akinv1.IndexServiceClient
	alerts     akinv1.AlertServiceClient

	log      *slog.Logger
	version  string
	sharded  bool
	now      func() time.Time
	sessions *sessions
	assets   *assets
	pages    map[string]*template.Template
	mux      *http.ServeMux
	handler  http.Handler
}

// callTime is how long all calls of one page may take.
const callTime = 30 * time.Second

// New makes the page. It panics where the templates that are compiled in do not parse, which its tests would have told.
func New(cfg Config) *Site {
	s := &Site{
		papers:     akinv1.NewPaperServiceClient(cfg.Conn),
		similarity: akinv1.NewSimilarityServiceClient(cfg.Conn),
		profiles:   akinv1.NewProfileServiceClient(cfg.Conn),
		index:      akinv1.NewIndexServiceClient(cfg.Conn),
		alerts:     akinv1.NewAlertServiceClient(cfg.Conn),
		log:        cfg.Logger,
		version:    cfg.Version,
		sharded:    cfg.Sharded,
		now:        cfg.Now,
		assets:     loadAssets(),
		mux:        http.NewServeMux(),
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.sessions = newSessions(s.now)
	s.pages = parsePages(s.assets)

	s.page("GET /{$}", (*visit).home)
	s.page("GET /search", (*visit).search)
	s.page("GET /paper", (*visit).paper)
	s.page("GET /related", (*visit).related)
	s.page("GET /why", (*visit).why)
	s.page("GET /recent", (*visit).recent)
	s.page("GET /collections", (*visit).collections)
	s.page("GET /collection", (*visit).showCollection)
	s.page("GET /map", (*visit).showMap)
	s.page("GET /map/points", (*visit).mapPoints)
	s.page("GET /map/paper", (*visit).mapPaper)
	s.page("GET /map/still.png", (*visit).mapStill)
	s.page("GET /statistics", (*visit).statistics)
	s.page("GET /help", (*visit).help)
	s.page("GET /signin", (*visit).askToken)
	s.page("POST /signin", (*visit).signIn)
	s.page("POST /signout", (*visit).signOut)
	s.page("POST /like", (*visit).like)
	s.page("POST /collection/use", (*visit).useCollection)
	s.page("GET /collection/delete", (*visit).askDelete)
	s.page("POST /collection/delete", (*visit).deleteCollection)
	s.page("GET /alerts", (*visit).listAlerts)
	s.page("POST /alerts", (*visit).subscribe)
	s.page("GET /alert", (*visit).showAlert)
	s.page("POST /alert/pause", (*visit).pauseAlert)
	s.page("POST /alert/delete", (*visit).deleteAlert)
	s.mux.Handle("GET /assets/", s.assets)
	s.mux.Handle("GET /favicon.ico", http.RedirectHandler(s.assets.path("icon.svg"), http.StatusFound))
	s.mux.HandleFunc("GET /robots.txt", robots)
	s.page("/", (*visit).unknown)
	s.handler = s.secure(s.mux)
	return s
}

// ServeHTTP answers one request.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// page has f answer requests of a pattern. What f returns becomes a page that says what to do.
func (s *Site) page(pattern string, f func(*visit) error) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), callTime)
		defer cancel()
		v := s.visit(ctx, w, r)
		if err := f(v); err != nil {
			v.fail(err)
		}
	})
}

// robots asks those who walk the web to stay away: each address is a search.
func robots(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("User-agent: *\nDisallow: /\n")) // fails only where no one reads it
}
