package alert

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// errPrivate: an address is not one of the public internet, and is not allowed.
var errPrivate = errors.New("the address is not of the public internet, " +
	"and this server does not allow it (--webhook-allow)")

// special are networks that netip does not call private or local, and that are not of the public internet either:
// those of RFC 6890 and its registries.
var special = prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23",
	"2001:db8::/32",
	"2002::/16", "fec0::/10", "3fff::/20", "5f00::/16")

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

// public reports whether an address is one of the public internet.
func public(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false // loopback, link-local, multicast and unspecified ones among them
	}
	for _, p := range special {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

// guardDial refuses a connection to an address that is not public and not allowed. It is asked at every connection,
// with the address that the name has led to at that moment: a name that changes cannot lead elsewhere.
func guardDial(allowed []netip.Prefix) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		ip := at.Addr().Unmap().WithZone("")
		if public(ip) {
			return nil
		}
		for _, p := range allowed {
			if p.Contains(ip) {
				return nil
			}
		}
		return fmt.Errorf("%w: %s", errPrivate, ip)
	}
}

// newHookClient is what posts to webhooks. It asks no proxy, which would dial in its place, and follows no redirect
// unless that is allowed; then each goes through the same guard.
func newHookClient(cfg *Config) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: guardDial(cfg.WebhookAllow)}
	client := &http.Client{
		Timeout: 15 * time.Second,
		Transport: &http.Transport{
			DialContext:           dialer.DialContext,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: 15 * time.Second,
			MaxIdleConnsPerHost:   1,
			IdleConnTimeout:       time.Minute,
			ForceAttemptHTTP2:     true,
		},
	}
	if !cfg.WebhookRedirects {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return client
}

const secretPrefix = "whsec_"

// newSecret draws a key of signatures.
func newSecret() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// sign makes the signature of Standard Webhooks: HMAC-SHA256 over id, time and body.
func sign(secret, id, timestamp string, body []byte) (string, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
	if err != nil {
		return "", fmt.Errorf("the secret of the webhook: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

// hookBody is what a webhook is sent.
type hookBody struct {
	Type      string    `json:"type"` // "matches"
	Timestamp time.Time `json:"timestamp"`
	Data      hookData  `json:"data"`
}

type hookData struct {
	SubscriptionID string      `json:"subscription_id"`
	Name           string      `json:"name"`
	Matches        []hookMatch `json:"matches"`
}

type hookMatch struct {
	ID      string    `json:"match_id"`
	Cosine  float64   `json:"cosine,omitempty"`
	OneIn   int       `json:"one_in,omitempty"`
	Score   float64   `json:"score,omitempty"`
	Words   []string  `json:"words,omitempty"`
	Because []string  `json:"because_paper_ids,omitempty"`
	Updated bool      `json:"updated,omitempty"`
	Time    time.Time `json:"match_time"`
	Paper   hookPaper `json:"paper"`
}

type hookPaper struct {
	ID          string     `json:"id"`
	Title       string     `json:"title,omitempty"`
	Authors     []string   `json:"authors,omitempty"`
	Categories  []string   `json:"categories,omitempty"`
	URL         string     `json:"url,omitempty"`
	DOI         string     `json:"doi,omitempty"`
	PublishTime *time.Time `json:"publish_time,omitempty"`
}

// sendWebhook posts the matches of one subscription.
func (a *Alerts) sendWebhook(ctx context.Context, d *delivery, s *section) error {
	body := hookBody{Type: "matches", Timestamp: a.cfg.Now().UTC(), Data: hookData{SubscriptionID: s.sub.ID,
		Name: s.sub.DisplayName()}}
	for _, m := range s.matches {
		p := hookPaper{
			ID: m.Paper.ID, Title: m.Paper.Title, Authors: m.Paper.Authors, Categories: m.Paper.Categories, URL: m.Paper.URL,
			DOI: m.Paper.DOI,
		}
		if !m.Paper.PublishTime.IsZero() {
			p.PublishTime = &m.Paper.PublishTime
		}
		body.Data.Matches = append(body.Data.Matches, hookMatch{
			ID: m.ID, Cosine: m.Cosine, OneIn: m.OneIn, Score: m.Score, Words: m.Words, Because: m.Because, Updated: m.Updated,
			Time: m.Time, Paper: p,
		})
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.sink.URL, bytes.NewReader(text))
	if err != nil {
		return permanent{err}
	}
	timestamp := strconv.FormatInt(a.cfg.Now().Unix(), 10)
	signature, err := sign(s.sink.Secret, d.ID, timestamp, text)
	if err != nil {
		return permanent{err}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "akin")
	req.Header.Set("webhook-id", d.ID)
	req.Header.Set("webhook-timestamp", timestamp)
	req.Header.Set("webhook-signature", signature)
	res, err := a.hooks.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10) // so that the connection may be used again
	switch {
	case res.StatusCode == http.StatusGone:
		return permanent{errors.New("it answered 410 Gone")}
	case res.StatusCode < 200 || res.StatusCode > 299:
		return fmt.Errorf("it answered %s", res.Status)
	}
	return nil
}
