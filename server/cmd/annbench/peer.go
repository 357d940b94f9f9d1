package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

const peerName = "hnswlib"

// runPeer runs the program built from hnswlib/main.cpp with the same settings.
func runPeer(s *settings) (*engineReport, error) {
	widths := make([]string, len(s.ef))
	for i, ef := range s.ef {
		widths[i] = strconv.Itoa(ef)
	}
	command := exec.Command(s.hnswlib, //nolint:gosec // the user names the program
		"--base", s.base, "--query", s.query, "--json",
		"--k", strconv.Itoa(s.k), "--ef", strings.Join(widths, ","), "--threads", strconv.Itoa(s.threads),
		"--limit", strconv.Itoa(s.limit), "--rounds", strconv.Itoa(s.rounds), "--round", s.roundTime.String())
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w; build it as the comment on package annbench says", s.hnswlib, err)
	}
	var r report
	if err := json.Unmarshal(bytes.TrimSpace(output), &r); err != nil || len(r.Engines) != 1 {
		return nil, fmt.Errorf("%s does not print what annbench reads: %w", s.hnswlib, err)
	}
	return r.Engines[0], nil
}
