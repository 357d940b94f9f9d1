package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/spf13/pflag"

	"github.com/akin-search/akin/server/internal/admit"
	"github.com/akin-search/akin/server/internal/alert"
	"github.com/akin-search/akin/server/internal/engine"
	"github.com/akin-search/akin/server/internal/filter"
)

// alertSettings are the flags that say how matches are sent.
type alertSettings struct {
	publicURL    string // of this server, for links in mails and feeds; empty: no mail and no feeds
	smtpServer   string // host or host:port; empty: no mail
	smtpFrom     string
	smtpUser     string
	smtpPassword string // file
	smtpSecurity string // one of alert.Securities
	hookAllow    []string
	hookRedirect bool
}

func (s *alertSettings) register(f *pflag.FlagSet) {
	f.StringVar(&s.publicURL, "public-url", "",
		"URL under which people reach this server, such as https://akin.example.org, "+
			"for links in mails and feeds (default: no mail and no feeds)")
	f.StringVar(&s.smtpServer, "smtp-server", "",
		"mail server that digests go through, host or host:port (default: no mail)")
	f.StringVar(&s.smtpFrom, "smtp-from", "", "address that mails come from")
	f.StringVar(&s.smtpUser, "smtp-user", "", "user at the mail server (default: none)")
	f.StringVar(&s.smtpPassword, "smtp-password-file", "", "file with that user's password")
	f.StringVar(&s.smtpSecurity, "smtp-security", alert.Securities[0],
		"how mail is encrypted: starttls (port 587), tls from the first byte (port 465), or none, "+
			"for a mail server on this machine")
	f.StringSliceVar(&s.hookAllow, "webhook-allow", nil,
		"networks or addresses besides the public internet that webhooks may reach, such as 10.0.0.0/8, "+
			"with commas (default: none)")
	f.BoolVar(&s.hookRedirect, "webhook-redirects", false, "follow redirects of webhooks")
}

// config checks the settings and turns them into those of the alerts.
func (s *alertSettings) config() (cfg alert.Config, err error) {
	if s.publicURL != "" {
		u, err := url.Parse(s.publicURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
			u.RawQuery != "" ||
			u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
			return cfg, fmt.Errorf("--public-url %q: give http or https and a host, without a path", s.publicURL)
		}
	}
	cfg.PublicURL, cfg.WebhookRedirects = s.publicURL, s.hookRedirect
	for _, text := range s.hookAllow {
		prefix, err := netip.ParsePrefix(text)
		if ip, ipErr := netip.ParseAddr(text); err != nil && ipErr == nil {
			prefix, err = ip.Prefix(ip.BitLen())
		}
		if err != nil {
			return cfg, fmt.Errorf("--webhook-allow %q: give an address or a network, such as 10.0.0.0/8", text)
		}
		cfg.WebhookAllow = append(cfg.WebhookAllow, prefix.Masked())
	}
	if s.smtpServer == "" {
		if s.smtpFrom != "" || s.smtpUser != "" || s.smtpPassword != "" {
			return cfg, errors.New("--smtp-from, --smtp-user and --smtp-password-file need --smtp-server")
		}
		return cfg, nil
	}
	if s.publicURL == "" || s.smtpFrom == "" {
		return cfg, errors.New("--smtp-server needs --smtp-from, and --public-url for the links " +
			"by which people confirm and unsubscribe")
	}
	if from, err := mail.ParseAddress(s.smtpFrom); err != nil {
		return cfg, fmt.Errorf("--smtp-from %q is no address: %w", s.smtpFrom, err)
	} else if s.smtpUser == "" != (s.smtpPassword == "") {
		return cfg, fmt.Errorf("--smtp-user and --smtp-password-file go together: give both or none (mail from %s)",
			from.Address)
	}
	if !slices.Contains(alert.Securities, s.smtpSecurity) {
		return cfg, fmt.Errorf("--smtp-security %q: use %s", s.smtpSecurity, strings.Join(alert.Securities, ", "))
	}
	cfg.SMTP = alert.SMTP{Host: s.smtpServer, From: s.smtpFrom, Username: s.smtpUser, Security: s.smtpSecurity}
	if host, port, err := net.SplitHostPort(s.smtpServer); err == nil {
		if cfg.SMTP.Port, err = strconv.Atoi(port); err != nil || cfg.SMTP.Port < 1 || cfg.SMTP.Port > 65535 {
			return cfg, fmt.Errorf("--smtp-server %q: the port is no number from 1 to 65535", s.smtpServer)
		}
		cfg.SMTP.Host = host
	}
	if s.smtpPassword != "" {
		text, err := os.ReadFile(s.smtpPassword)
		if err != nil {
			return cfg, fmt.Errorf("--smtp-password-file: %w", err)
		}
		cfg.SMTP.Password = strings.TrimSpace(string(text))
	}
	return cfg, nil
}

// alertPages serves the pages of alerts, once there are any.
type alertPages struct{ handler atomic.Pointer[http.Handler] }

// ServeHTTP implements http.Handler.
func (p *alertPages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if handler := p.handler.Load(); handler != nil {
		(*handler).ServeHTTP(w, r)
		return
	}
	w.Header().Set("Retry-After", "5")
	http.Error(w, "the server is still loading its papers: try again soon", http.StatusServiceUnavailable)
}

// openAlerts begins the alerts of an engine. leads says whether this node of a cluster matches and sends; nil: there is
// no other.
type openAlerts func(live *engine.Engine, leads func() bool) (*alert.Alerts, error)

func (r *runner) openAlerts(live *engine.Engine, leads func() bool) (*alert.Alerts, error) {
	cfg := r.alerting
	cfg.Logger, cfg.Filter, cfg.Leads = r.log, r.forced, leads
	alerts, err := alert.Open(live, cfg)
	if err != nil {
		return nil, err
	}
	handler := alerts.Handler()
	r.pages.handler.Store(&handler)
	return alerts, nil
}

// forced is what is forced on a principal at this moment; not ok when it may not read any more.
func (r *runner) forced(owner string) (f *filter.Filter, ok bool) {
	p := r.cfg.Admit.Keys.Known(owner)
	if p == nil || p.Roles&admit.Read == 0 {
		return nil, false
	}
	return p.Filter, true
}
