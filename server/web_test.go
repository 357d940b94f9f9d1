package main

import (
	"net/http"
	"strings"
	"testing"
)

func TestThePageIsOnOrOffAsTold(t *testing.T) {
	for _, c := range []struct {
		web    string
		status int
	}{{"auto", http.StatusOK}, {"on", http.StatusOK}, {"off", http.StatusFound}} {
		t.Run(c.web, func(t *testing.T) {
			p := start(t, "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--web", c.web)
			status, header, body := ask(t, "GET", "http://"+p.addr+"/", nil, "")
			if status != c.status || (status == http.StatusOK) != strings.Contains(body, "No papers are here yet") {
				t.Errorf("status %d, %.300s", status, body)
			}
			alerts, _, body := ask(t, "GET", "http://"+p.addr+"/alerts", nil, "")
			if on := c.web != "off"; on != (alerts == http.StatusOK && strings.Contains(body, "No subscription yet")) {
				t.Errorf("/alerts: status %d, %.300s", alerts, body)
			}
			policy := header.Get("Content-Security-Policy")
			if status == http.StatusOK && !strings.Contains(policy, "default-src 'none'") {
				t.Errorf("policy %q", policy)
			}
		})
	}
}

func TestThePageOfAnOpenAddressIsOffByItself(t *testing.T) {
	p := start(t, "--addr", "0.0.0.0:0", "--insecure", "--data", t.TempDir())
	_, port, _ := strings.Cut(strings.TrimPrefix(p.addr, "[::]"), ":")
	if status, _, body := ask(t, "GET", "http://127.0.0.1:"+port+"/", nil, ""); status != http.StatusFound {
		t.Errorf("status %d, %.300s", status, body)
	}
}

func TestSettingsOfThePage(t *testing.T) {
	s := settings{addr: "127.0.0.1:0", index: "auto", connections: 1, web: "yes"}
	if err := s.check(); err == nil || !strings.Contains(err.Error(), "on or off") {
		t.Errorf("%v", err)
	}
}
