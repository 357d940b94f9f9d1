package main

import (
	"log/slog"
	"strings"
	"testing"
)

func TestSettingsOfANodeAreRefusedInPlainWords(t *testing.T) {
	good := func() clusterSettings {
		return clusterSettings{name: "c", node: "n1", ack: ackLocal, size: defaultLogSize,
			peers: []string{"n1=127.0.0.1:7711", "n2=127.0.0.1:7712", "n3=127.0.0.1:7713"}}
	}
	for told, spoil := range map[string]func(*clusterSettings){
		"--cluster needs --node":                        func(s *clusterSettings) { s.node = "" },
		"--node, the name of this node, and --peers":    func(s *clusterSettings) { s.peers = nil },
		"n1 and n3 are both at 127.0.0.1:7711":          func(s *clusterSettings) { s.peers[2] = "n3=127.0.0.1:7711" },
		"--log-size 1: the log needs 64MiB or more":     func(s *clusterSettings) { s.size = "1" },
		"--log-size 63MiB: the log needs":               func(s *clusterSettings) { s.size = "63MiB" },
		"--shard-addr needs --shard":                    func(s *clusterSettings) { s.calls = "127.0.0.1:7721" },
		"--shard-addr \"there\": give host:port":        func(s *clusterSettings) { s.shard, s.calls = "1/3", "there" },
		"--cluster needs --cluster-keys: nodes talk to": func(s *clusterSettings) { s.size = "64MiB" }, // all else is right
	} {
		s := good()
		spoil(&s)
		_, err := s.config(t.TempDir(), slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), told) {
			t.Errorf("%+v: %v, not %q", s, err, told)
		}
	}
}
