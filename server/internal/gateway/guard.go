package gateway

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
)

// CheckHosts reports what is wrong with the names under which HTTP is to answer: each is a name or an address, with or
// without a port, or * for any.
func CheckHosts(hosts []string) error {
	for _, host := range hosts {
		if host == "" || host != "*" && strings.ContainsAny(host, "/*@ ?#") {
			return fmt.Errorf("%q: give a name or an address, with or without a port, or * for any", host)
		}
	}
	return nil
}

// CheckOrigins reports what is wrong with a list of origins: each is scheme://host or scheme://host:port.
func CheckOrigins(origins []string) error {
	for _, origin := range origins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme == "" || u.Host == "" || origin != u.Scheme+"://"+u.Host {
			return fmt.Errorf("%q: give an origin as browsers name it, such as https://example.org", origin)
		}
	}
	return nil
}

// guard keeps foreign pages out. A browser sends what a page tells it to, with the reach of whoever sits before it: so
// a request must name this server as its host (another name that points here is DNS rebinding), and one that changes
// something must come from a page of this server or of an allowed origin, or from no page at all.
func guard(cfg Config, next http.Handler) (http.Handler, error) {
	if err := errors.Join(CheckHosts(cfg.Hosts), CheckOrigins(cfg.Origins)); err != nil {
		return nil, err
	}
	methods, pages := http.NewCrossOriginProtection(), http.NewCrossOriginProtection() // pages trust no other site
	for _, origin := range cfg.Origins {
		if err := methods.AddTrustedOrigin(origin); err != nil {
			return nil, err
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if state, ok := r.Context().Value(tlsKey{}).(*tls.ConnectionState); ok && r.TLS == nil {
			r.TLS = state
		}
		if !allowedHost(r.Host, cfg.Hosts) {
			fail(w, failed(codes.PermissionDenied, reasonHost,
				"this server does not answer for the host "+fmt.Sprintf("%q", cut(r.Host))+
					": start it with --allowed-hosts if the name is its own"))
			return
		}
		cross := pages
		if isMethod(r.URL.Path) {
			cross = methods
		}
		origin := r.Header.Get("Origin")
		if (isMethod(r.URL.Path) || r.URL.Path == "/openapi.json") && len(cfg.Origins) > 0 {
			w.Header().Add("Vary", "Origin")
			if slices.Contains(cfg.Origins, origin) {
				allowOrigin(w, origin)
				if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
					w.WriteHeader(http.StatusNoContent)
					return
				}
			}
		}
		if err := cross.Check(r); err != nil || isMethod(r.URL.Path) && foreign(r) && !slices.Contains(cfg.Origins, origin) {
			fail(w, failed(codes.PermissionDenied, reasonOrigin,
				"a page of another site may not do this: its origin is not among --cors-origins"))
			return
		}
		next.ServeHTTP(w, r)
	}), nil
}

// foreign reports whether a page of another site asks in the background: it could not read the answer, but have the
// server work. Following a link is something else.
func foreign(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate"
}

// allowOrigin tells a browser what a page of another site may do. No cookie is ever taken from one.
func allowOrigin(w http.ResponseWriter, origin string) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Content-Encoding, Connect-Protocol-Version, "+
		"Connect-Timeout-Ms, Connect-Content-Encoding, Connect-Accept-Encoding, X-User-Agent")
	h.Set("Access-Control-Expose-Headers", "Content-Encoding, Connect-Content-Encoding, Retry-After, WWW-Authenticate")
	h.Set("Access-Control-Max-Age", "7200")
}

// allowedHost reports whether a request's host is loopback or among the allowed ones.
func allowedHost(host string, allowed []string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.ToLower(strings.Trim(name, "[]")), ".")
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	if ip, err := netip.ParseAddr(name); err == nil && ip.Unmap().IsLoopback() {
		return true
	}
	return slices.ContainsFunc(allowed, func(a string) bool {
		return a == "*" || strings.EqualFold(a, host) || strings.EqualFold(strings.Trim(a, "[]"), name)
	})
}

// readToEnd lets a request take its time from here on: what it has to send is in.
func readToEnd(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // in tests there is no connection
}
