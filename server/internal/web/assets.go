package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"
)

//go:embed static
var staticFiles embed.FS

// assets are the scripts, styles and pictures of the page, each under an address that changes with its content, so that
// browsers may keep it for ever. It is immutable.
type assets struct {
	files map[string]asset // by name
}

type asset struct {
	kind         string // media type
	hash         string
	body, zipped []byte
}

var kinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// loadAssets panics where what is compiled in cannot be read.
func loadAssets() *assets {
	a := &assets{files: make(map[string]asset)}
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		body, err := staticFiles.ReadFile("static/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(body)
		a.files[e.Name()] = asset{
			kind: kinds[path.Ext(e.Name())], hash: hex.EncodeToString(sum[:6]),
			body: body, zipped: zip(body, gzip.BestCompression),
		}
	}
	return a
}

// path is the address of a file. It panics for a name that is none: templates name files that are compiled in.
func (a *assets) path(name string) string {
	f, ok := a.files[name]
	if !ok {
		panic("web: there is no file static/" + name)
	}
	return "/assets/" + f.hash + "/" + name
}

// ServeHTTP answers /assets/HASH/NAME. An address of another build gets today's file, to be asked for again.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hash, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/assets/"), "/")
	f, ok := a.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	if hash != f.hash {
		h.Set("Cache-Control", "no-cache")
	}
	h.Add("Vary", "Accept-Encoding")
	body := f.body
	if takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = f.zipped
	}
	_, _ = w.Write(body) // fails where the browser has gone
}

// zipFrom is from how many bytes on compressing is worth it.
const zipFrom = 1 << 10

// sendBody writes the head and the body of an answer, compressed where the browser takes that.
func sendBody(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	if len(body) >= zipFrom && takesGzip(r) {
		w.Header().Set("Content-Encoding", "gzip")
		body = zip(body, gzip.DefaultCompression)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // fails where the browser has gone
}

func takesGzip(r *http.Request) bool {
	for _, one := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(one), ";")
		share := strings.TrimPrefix(strings.TrimSpace(quality), "q=")
		if name == "gzip" && (share == "" || strings.Trim(share, "0.") != "") {
			return true
		}
	}
	return false
}

func zip(body []byte, level int) []byte {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		panic(err) // the levels are constants
	}
	_, _ = z.Write(body) // a buffer takes everything
	_ = z.Close()
	return out.Bytes()
}
