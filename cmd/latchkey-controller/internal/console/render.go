package console

import (
	"bytes"
	"context"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
)

//go:embed templates
var templateFiles embed.FS

// pages are the templates of all pages for one time zone in one language, by file name. Each
// defines "main", and the parts that htmx may request by the id of the element to replace:
// "panel", or a part that updates itself.
type pages struct {
	zone     *time.Location // of displayed times
	language *language.Language
	byName   map[string]func() (*template.Template, error)
}

// page returns the templates of one page.
func (p *pages) page(name string) (*template.Template, error) {
	parse, ok := p.byName[name]
	if !ok {
		return nil, fmt.Errorf("no page %q", name)
	}
	return parse()
}

// newPages returns pages that are parsed when they are first shown: base.html and part-*.html, which belong to each of
// the others, once, and each page with a copy of those.
func (c *Console) newPages(zone *time.Location, in *language.Language) (*pages, error) {
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	var own, shared []string
	for _, name := range names {
		if file := path.Base(name); file == "base.html" || strings.HasPrefix(file, "part-") {
			shared = append(shared, name)
		} else {
			own = append(own, name)
		}
	}
	base := sync.OnceValues(func() (*template.Template, error) {
		return template.New("base").Funcs(c.functions(zone, in)).Funcs(saying(in)).ParseFS(templateFiles, shared...)
	})
	all := &pages{zone, in, map[string]func() (*template.Template, error){}}
	for _, name := range own {
		all.byName[strings.TrimSuffix(path.Base(name), ".html")] = sync.OnceValues(func() (*template.Template, error) {
			shared, err := base()
			if err != nil {
				return nil, err
			}
			page, err := shared.Clone()
			if err != nil {
				return nil, err
			}
			return page.ParseFS(templateFiles, name)
		})
	}
	return all, nil
}

// A pageSet has the pages for one time zone, in each language.
type pageSet struct {
	zone *time.Location
	in   map[*language.Language]*pages
}

func (c *Console) newPageSet(zone *time.Location) (*pageSet, error) {
	set := &pageSet{zone, map[*language.Language]*pages{}}
	for _, l := range c.languages.Every() {
		var err error
		if set.in[l], err = c.newPages(zone, l); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// pagesNow returns the pages in the site's current time zone.
func (c *Console) pagesNow(ctx context.Context) (*pageSet, error) {
	zone, err := c.desk.Zone(ctx)
	if err != nil {
		return nil, err
	}
	if is := c.pages.Load(); is.zone.String() == zone.String() {
		return is, nil
	}
	anew, err := c.newPageSet(zone)
	if err == nil {
		c.pages.Store(anew)
	}
	return anew, err
}

// A view is the data of a page.
type view struct {
	*visit
	Title   *language.Sentence
	Section string // of the navigation
	Panel   bool   // the panel is open
	Part    string // the part that htmx requests; "": the whole page
	Page    any    // the page's own data
}

// byScript says whether htmx requests a part of a page.
func byScript(r *http.Request) bool {
	return r.Header.Get("HX-Request") == "true" && r.Header.Get("HX-History-Restore-Request") != "true"
}

// show writes a page, or the part that htmx requests. Without a session there are
// whole pages only.
func (c *Console) show(w http.ResponseWriter, r *http.Request, status int, name string, v *view) {
	page, err := v.pages.page(name)
	if err != nil {
		c.serverError(w, r, err)
		return
	}
	part := "layout"
	if target := r.Header.Get("HX-Target"); byScript(r) && v.Actor.Name != "" {
		if page.Lookup(target) == nil || target == "layout" {
			http.Error(w, "no such part", http.StatusBadRequest)
			return
		}
		part = target
	}
	if part != "layout" {
		v.Part = part
	}
	if part != "layout" && !live(r) {
		address := "false" // unchanged
		if r.Method == http.MethodGet && part == "panel" {
			address = r.URL.RequestURI()
		}
		w.Header().Set("HX-Push-Url", address)
	}
	if !live(r) {
		v.Flash = takeFlash(w, r)
	}
	var b bytes.Buffer
	if err := page.ExecuteTemplate(&b, part, v); err != nil {
		c.serverError(w, r, err)
		return
	}
	if part != "layout" { // the part's zone may differ from the page's
		if err := page.ExecuteTemplate(&b, "zone-now", v); err != nil {
			c.serverError(w, r, err)
			return
		}
	}
	if part != "layout" && v.Flash != "" {
		if err := page.ExecuteTemplate(&b, "toast", v.Flash); err != nil {
			c.serverError(w, r, err)
			return
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Add("Vary", "HX-Request, HX-Target")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// live says whether a part requests its own update, not a person.
func live(r *http.Request) bool {
	target := r.Header.Get("HX-Target")
	return byScript(r) && r.Method == http.MethodGet && target != "" && r.Header.Get("HX-Trigger") == target
}

// redirect sends the browser to another page of the console, which shows the notice
// unless it is nil.
func (c *Console) redirect(w http.ResponseWriter, r *http.Request, to string, notice *language.Sentence) {
	if notice != nil {
		setFlash(w, c.languageOf(r).Say(notice))
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// flashCookie carries a notice over one redirect.
const flashCookie = "__Host-flash"

func setFlash(w http.ResponseWriter, notice string) {
	http.SetCookie(w, &http.Cookie{
		Name: flashCookie, Value: base64.RawURLEncoding.EncodeToString([]byte(truncate(notice, 600))), Path: "/", MaxAge: 20,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// takeFlash returns the notice, and removes its cookie.
func takeFlash(w http.ResponseWriter, r *http.Request) string {
	cookie, err := r.Cookie(flashCookie)
	if err != nil {
		return ""
	}
	http.SetCookie(w, &http.Cookie{Name: flashCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	notice, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return ""
	}
	return string(notice)
}
