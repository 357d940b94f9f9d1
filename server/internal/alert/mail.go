package alert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"net/url"
	"strings"
	"text/template"

	"github.com/wneessen/go-mail"

	"github.com/akin-search/akin/server/internal/paper"
)

// SMTP is the mail server that digests go through. The zero value is none.
type SMTP struct {
	Host               string
	Port               int // 0: 587, or 465 with TLS from the first byte
	From               string
	Username, Password string
	Security           string // "starttls" (default), "tls" from the first byte, or "none"
}

// Securities are what Security may be.
var Securities = []string{"starttls", "tls", "none"}

// client makes a connection's settings.
func (s *SMTP) client() (*mail.Client, error) {
	options := []mail.Option{mail.WithTimeout(sendTimeout)}
	switch s.Security {
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS), mail.WithPort(587))
	case "tls":
		options = append(options, mail.WithSSL(), mail.WithPort(465))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory), mail.WithPort(587))
	}
	if s.Port != 0 {
		options = append(options, mail.WithPort(s.Port))
	}
	if s.Username != "" {
		auth := mail.SMTPAuthAutoDiscover
		if s.Security == "none" {
			auth = mail.SMTPAuthPlainNoEnc
		}
		options = append(options, mail.WithSMTPAuth(auth), mail.WithUsername(s.Username), mail.WithPassword(s.Password))
	}
	return mail.NewClient(s.Host, options...)
}

// letter is a mail before it is written.
type letter struct {
	id, to, subject, text, html string
	unsubscribe                 string // URL; empty: there is nothing to unsubscribe from
}

// post hands a letter to the mail server.
func (a *Alerts) post(ctx context.Context, l *letter) error {
	m := mail.NewMsg()
	if err := errors.Join(m.From(a.cfg.SMTP.From), m.To(l.to)); err != nil {
		return permanent{err}
	}
	m.Subject(l.subject)
	m.SetMessageIDWithValue(l.id + "@" + a.host())
	m.SetDateWithValue(a.cfg.Now())
	m.SetUserAgent("akin")
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	if l.unsubscribe != "" {
		m.SetGenHeaderPreformatted(mail.HeaderListUnsubscribe, "<"+l.unsubscribe+">")
		m.SetGenHeader(mail.HeaderListUnsubscribePost, "List-Unsubscribe=One-Click")
	}
	m.SetBodyString(mail.TypeTextPlain, l.text)
	m.AddAlternativeString(mail.TypeTextHTML, l.html)
	client, err := a.cfg.SMTP.client()
	if err != nil {
		return err
	}
	err = client.DialAndSendWithContext(ctx, m)
	// Only what the server says of the addressee or the mail itself is for good: that it does not let us in may be mended.
	var refused *mail.SendError
	if errors.As(err, &refused) && !refused.IsTemp() && refused.ErrorCode() >= 550 && refused.ErrorCode() < 560 {
		return permanent{err}
	}
	return err
}

// host is the name under which the server is known, for ids of mails.
func (a *Alerts) host() string {
	u, err := url.Parse(a.cfg.PublicURL)
	if err != nil || u.Hostname() == "" {
		return "akin"
	}
	return u.Hostname()
}

// page is the URL of a page of Handler.
func (a *Alerts) page(path, token string) string {
	return strings.TrimSuffix(a.cfg.PublicURL, "/") + Root + path + "/" + token
}

// sendQuestion asks whether a mailbox wants alerts.
func (a *Alerts) sendQuestion(ctx context.Context, d *delivery) error {
	a.mu.RLock()
	state := a.mailboxes[string(nameKey(d.Owner, d.Target))].State
	a.mu.RUnlock()
	if state != asked {
		return nil // answered meanwhile
	}
	token, err := a.link(linkConfirm, d.Owner+"\x00"+d.Target)
	if err != nil {
		return err
	}
	return a.compose(ctx, &letter{id: d.ID, to: d.Target, subject: "Confirm your alerts of new papers"}, question,
		map[string]any{"URL": a.page("/confirm", token), "Host": a.host(), "Days": int(askAgain.Hours() / 24)})
}

// sendDigest mails the matches of subscriptions to one mailbox.
func (a *Alerts) sendDigest(ctx context.Context, d *delivery, sections []section) error {
	a.mu.RLock()
	state := a.mailboxes[string(nameKey(d.Owner, d.Target))].State
	a.mu.RUnlock()
	if state != confirmed {
		return nil // the addressee has unsubscribed meanwhile
	}
	leave, err := a.link(linkLeave, d.Owner+"\x00"+d.Target)
	if err != nil {
		return err
	}
	l := &letter{id: d.ID, to: d.Target, unsubscribe: a.page("/unsubscribe", leave)}
	type item struct {
		ID, Title, Authors, URL, Why string
		Updated                      bool
	}
	type group struct {
		Name, Leave string
		Items       []item
	}
	var groups []group
	n := 0
	for _, s := range sections {
		token, err := a.link(linkLeave1, string(s.sub.UID[:])+d.Target)
		if err != nil {
			return err
		}
		g := group{Name: s.sub.DisplayName(), Leave: a.page("/unsubscribe", token)}
		for _, m := range byWorth(s.matches) {
			g.Items = append(g.Items, item{
				ID: m.ID, Title: titleOf(m.Paper), Authors: authorsOf(m.Paper), URL: linkOf(m.Paper), Why: why(s.sub, m),
				Updated: m.Updated,
			})
		}
		n += len(g.Items)
		groups = append(groups, g)
	}
	if l.subject = fmt.Sprintf("%d new papers", n); n == 1 {
		l.subject = "1 new paper"
	}
	if l.subject += ": " + groups[0].Name; len(groups) > 1 {
		l.subject += fmt.Sprintf(" and %d more alerts", len(groups)-1)
	}
	return a.compose(ctx, l, digestMail, map[string]any{"Groups": groups, "LeaveAll": l.unsubscribe, "Host": a.host()})
}

// compose fills both parts of a letter and posts it.
func (a *Alerts) compose(ctx context.Context, l *letter, w wording, data any) error {
	var text, html bytes.Buffer
	if err := errors.Join(w.text.Execute(&text, data), w.html.Execute(&html, data)); err != nil {
		return permanent{err}
	}
	l.text, l.html = text.String(), html.String()
	return a.post(ctx, l)
}

// wording is a mail's two parts.
type wording struct {
	text *template.Template
	html *htmltemplate.Template
}

func worded(text, html string) wording {
	return wording{template.Must(template.New("text").Parse(text)),
		htmltemplate.Must(htmltemplate.New("html").Parse(html))}
}

var question = worded(`Someone asked for alerts of new papers to be sent to this address.

If that was you, open this page and confirm it:

{{.URL}}

If not, do nothing: no alert is sent unless you confirm, and you are not asked again for {{.Days}} days.

-- 
{{.Host}}
`, `<!doctype html><html><body style="font-family:sans-serif;max-width:40em">
<p>Someone asked for alerts of new papers to be sent to this address.</p>
<p>If that was you, <a href="{{.URL}}">open this page and confirm it</a>.</p>
<p>If not, do nothing: no alert is sent unless you confirm, and you are not asked again for {{.Days}} days.</p>
<p style="color:#666">{{.Host}}</p></body></html>
`)

var digestMail = worded(`{{range .Groups}}{{.Name}}
{{range .Items}}
* {{.Title}}{{if .Updated}} (its text has changed){{end}}
{{- with .Authors}}
  {{.}}{{end}}
{{- with .URL}}
  {{.}}{{end}}
  {{.Why}}
{{end}}
Unsubscribe from this alert: {{.Leave}}

{{end}}-- 
Sent by {{.Host}}. Unsubscribe from all of its alerts: {{.LeaveAll}}
`, `<!doctype html><html><body style="font-family:sans-serif;max-width:40em">
{{range .Groups}}<h2 style="font-size:1.1em">{{.Name}}</h2>
<ul style="padding-left:1.2em">{{range .Items}}<li style="margin-bottom:.8em">
{{if .URL}}<a href="{{.URL}}">{{.Title}}</a>{{else}}<b>{{.Title}}</b>{{end}}
{{- if .Updated}} <i>(its text has changed)</i>{{end}}
{{with .Authors}}<br>{{.}}{{end}}<br><span style="color:#666">{{.Why}}</span></li>{{end}}</ul>
<p><a style="color:#666" href="{{.Leave}}">Unsubscribe from this alert</a></p>
{{end}}<hr><p style="color:#666">Sent by {{.Host}}.
<a style="color:#666" href="{{.LeaveAll}}">Unsubscribe from all of its alerts</a></p>
</body></html>
`)

// titleOf is a paper's title on one line.
func titleOf(p *paper.Paper) string {
	if p.Title == "" {
		return p.ID
	}
	return strings.Join(strings.Fields(p.Title), " ")
}

// authorsOf names the first authors.
func authorsOf(p *paper.Paper) string {
	const named = 4
	if len(p.Authors) > named {
		return strings.Join(p.Authors[:named], ", ") + " and others"
	}
	return strings.Join(p.Authors, ", ")
}

// linkOf is where a paper is read, or empty. Only the web is linked to, whatever was stored.
func linkOf(p *paper.Paper) string {
	if u, err := url.Parse(p.URL); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		return u.String()
	}
	if p.DOI != "" {
		return "https://doi.org/" + url.PathEscape(p.DOI)
	}
	return ""
}

// why says in a sentence why a paper matched.
func why(s *Subscription, m *Match) string {
	words := ""
	if len(m.Words) > 0 {
		words = ": " + strings.Join(m.Words, ", ")
	}
	alike := fmt.Sprintf("cosine %.3f", m.Cosine)
	if m.OneIn > 1 {
		alike = fmt.Sprintf("as alike as 1 pair in %d", m.OneIn)
	}
	switch s.Kind {
	case ByText, ByPaper:
		return "Matches by " + strings.TrimPrefix(words+" ("+alike+")", ": ")
	case ByProfile:
		if len(m.Because) > 0 {
			return "Because you like " + strings.Join(m.Because, ", ") + words
		}
		return "Recommended"
	case Rising:
		return fmt.Sprintf("Rising by %.1f standard deviations", m.Score)
	}
	return "Passes the filter " + shorten(s.Filter, 80)
}
