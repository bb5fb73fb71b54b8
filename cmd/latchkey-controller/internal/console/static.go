package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
)

//go:embed static
var staticFiles embed.FS

// static serves the pages' files. Their URLs contain a hash of all files, so that
// browsers can cache them forever and never mix versions.
type static struct{ prefix string }

func newStatic() (*static, error) {
	hash := sha256.New()
	err := fs.WalkDir(staticFiles, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := staticFiles.ReadFile(name)
		hash.Write([]byte(name))
		hash.Write(b)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &static{"/static/" + hex.EncodeToString(hash.Sum(nil)[:6]) + "/"}, nil
}

// path returns the URL of a file.
func (s *static) path(name string) string { return s.prefix + name }

func (s *static) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := path.Base(r.URL.Path)
	b, err := staticFiles.ReadFile("static/" + name)
	if err != nil || r.URL.Path != s.path(name) {
		http.NotFound(w, r)
		return
	}
	kind := mime.TypeByExtension(path.Ext(name))
	switch path.Ext(name) { // not from the machine's MIME tables
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".css":
		kind = "text/css; charset=utf-8"
	case ".woff2":
		kind = "font/woff2"
	case ".svg":
		kind = "image/svg+xml"
	}
	if kind == "" {
		kind = "text/plain; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Write(b)
}
