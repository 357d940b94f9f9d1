package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// sources are the peers' programs, so that annbench can build them wherever it runs.
//
//go:embed peer/*.h hnswlib/*.cpp faiss/*.cpp usearch/*.mjs usearch/*.json
var sources embed.FS

// peer is another library, measured by a program of its own.
type peer struct {
	name   string
	folder string   // of its sources
	needs  string   // what it is built from, for people
	header string   // a header that is there when its library is; empty: it comes from npm
	flags  []string // of the compiler, behind the source
}

// peers are in the order in which they are measured.
var peers = []peer{
	{peerName, "hnswlib", "g++ and Debian's libhnswlib-dev", "/usr/include/hnswlib/hnswlib.h", nil},
	{"faiss-hnsw", "faiss", "g++ and Debian's libfaiss-dev", "/usr/include/faiss/Index.h", faissFlags},
	{"faiss-ivfpq", "faiss", "g++ and Debian's libfaiss-dev", "/usr/include/faiss/Index.h", faissFlags},
	{"usearch", "usearch", "node and npm, which must reach its registry", "", nil},
	{"usearch-i8", "usearch", "node and npm, which must reach its registry", "", nil},
}

var faissFlags = []string{"-fopenmp", "-lfaiss", "-llapack", "-lblas"}

// peerName is the peer that the others are compared with.
const peerName = "hnswlib"

func peerNames() (names []string) {
	for _, p := range peers {
		names = append(names, p.name)
	}
	return names
}

// errMissing says that what a peer needs is not on this machine.
var errMissing = errors.New("left out")

// runPeers measures the peers of the settings. One that cannot be had here is left out, which is told on log.
func runPeers(s *settings, log io.Writer, each func(*engineReport)) error {
	dir, err := os.MkdirTemp("", "annbench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what is left is in the system's folder for such things
	if err := os.CopyFS(dir, sources); err != nil {
		return err
	}
	for _, p := range peers {
		if !slices.Contains(s.peers, p.name) {
			continue
		}
		program, err := p.build(dir)
		if errors.Is(err, errMissing) {
			fmt.Fprintf(log, "%s: %v\n", p.name, err)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		program = append(program, "--only", p.name)
		if s.keep != "" {
			program = append(program, "--keep", filepath.Join(s.keep, p.name+"-"+s.vectors))
		}
		e, err := runPeer(s, program, filepath.Join(dir, p.folder))
		if err != nil {
			return err
		}
		each(e)
	}
	return nil
}

// build returns the command of a peer's program, made in dir unless it is there.
func (p *peer) build(dir string) (command []string, err error) {
	folder := filepath.Join(dir, p.folder)
	if p.header == "" {
		if _, err := exec.LookPath("node"); err != nil {
			return nil, fmt.Errorf("%w: it needs %s", errMissing, p.needs)
		}
		if _, err := os.Stat(filepath.Join(folder, "node_modules")); errors.Is(err, fs.ErrNotExist) {
			// Its package holds a library for each system, so no script has to run.
			install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefix", folder)
			if out, err := install.CombinedOutput(); err != nil {
				return nil, fmt.Errorf("%w: it needs %s: %w %s", errMissing, p.needs, err, out)
			}
		}
		return []string{"node", "main.mjs"}, nil
	}
	program := filepath.Join(folder, "bench")
	if _, err := os.Stat(program); err == nil {
		return []string{program}, nil
	}
	_, missing := os.Stat(p.header)
	if _, err := exec.LookPath("g++"); err != nil || missing != nil {
		return nil, fmt.Errorf("%w: it needs %s", errMissing, p.needs)
	}
	flags := []string{"-O3", "-march=native", "-std=c++17", "-pthread", "-o", program, filepath.Join(folder, "main.cpp")}
	compile := exec.Command("g++", append(flags, p.flags...)...) //nolint:gosec // our own flags
	if out, err := compile.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building it: %w\n%s", err, out)
	}
	return []string{program}, nil
}

// runPeer runs the program of a peer in a folder with the settings of the engines.
func runPeer(s *settings, command []string, folder string) (*engineReport, error) {
	widths := make([]string, len(s.ef))
	for i, ef := range s.ef {
		widths[i] = strconv.Itoa(ef)
	}
	paths := [2]string{s.base, s.query} // the program runs elsewhere
	for i, path := range paths {
		absolute, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		paths[i] = absolute
	}
	c := exec.Command(command[0], append(command[1:], //nolint:gosec // the user names the program, or it is ours
		"--base", paths[0], "--query", paths[1], "--json",
		"--k", strconv.Itoa(s.k), "--ef", strings.Join(widths, ","), "--threads", strconv.Itoa(s.threads),
		"--limit", strconv.Itoa(s.limit), "--rounds", strconv.Itoa(s.rounds), "--round", s.roundTime.String())...)
	c.Stderr, c.Dir = os.Stderr, folder
	output, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w; build it as the comment on package annbench says", command[0], err)
	}
	e, err := parsePeer(output)
	if err != nil {
		return nil, fmt.Errorf("%s does not print what annbench reads: %w", command[0], err)
	}
	return e, nil
}

// parsePeer reads what the program of a peer prints: a report of one engine.
func parsePeer(output []byte) (*engineReport, error) {
	var r report
	if err := json.Unmarshal(bytes.TrimSpace(output), &r); err != nil {
		return nil, err
	}
	if len(r.Engines) != 1 || r.Engines[0] == nil || r.Engines[0].Engine == "" || len(r.Engines[0].Widths) == 0 {
		return nil, fmt.Errorf("%d engines, want one with rows", len(r.Engines))
	}
	return r.Engines[0], nil
}
