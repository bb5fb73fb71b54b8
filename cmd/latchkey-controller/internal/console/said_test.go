package console

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// A read text of a page is one that a person reads, or hears.
type readText struct{ where, is string }

// readAttributes are the attributes that a person reads or hears, and those that scripts show.
var readAttributes = []string{"aria-label", "aria-description", "title", "placeholder", "alt", "aria-valuetext", "aria-roledescription"}

// textsOf returns the texts of a page.
func textsOf(t *testing.T, page string) (all []readText) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	open := 0 // brackets: a sentence with a link in it is of several nodes
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		switch {
		case n.Type == html.TextNode:
			all = append(all, readText{n.Parent.Data, strings.Repeat("⟦", open) + n.Data})
			open += strings.Count(n.Data, "⟦") - strings.Count(n.Data, "⟧")
		case n.Type == html.ElementNode && slices.Contains([]string{"script", "style", "code", "kbd", "datalist"}, n.Data):
			return
		case n.Type == html.ElementNode && n.Data != "html" && attribute(n, "lang") != "": // it is in that language
			return
		}
		for _, a := range n.Attr {
			if slices.Contains(readAttributes, a.Key) || strings.HasPrefix(a.Key, "data-say") {
				all = append(all, readText{n.Data + " " + a.Key, a.Val})
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(root)
	return all
}

// ofTheSite matches what no language changes: names of the test's site and what is in it, ids, addresses, time zones, and names
// of products and standards.
var ofTheSite = regexp.MustCompile(`\b(` + strings.Join([]string{
	"Latchkey", "home", "UTC", "Ada( Lovelace)?", "Grace Hopper", "GH", "AL", "Front door", "front-door", "Main building", "staff", "everyone", "crew",
	"Office hours", "Christmas", "main", regexp.QuoteMeta(hostname()), "SHA-256", "Windows", "macOS", "Linux", "CSV", "JSON", "Home Assistant",
}, "|") + `)\b|SQLite, /\S+|https://\S+|[0-9A-F]{4}( [0-9A-F]{4})+`) // a database, an address, a fingerprint

// hostname is the name of this machine.
func hostname() string {
	name, _ := os.Hostname()
	return name
}

// unsaid returns what is left of a text outside of brackets, without what is the site's.
func unsaid(is string) string {
	var left strings.Builder
	depth := 0
	for _, r := range is {
		switch {
		case r == '⟦':
			depth++
		case r == '⟧':
			depth--
		case depth == 0:
			left.WriteRune(r)
		}
	}
	return strings.TrimSpace(ofTheSite.ReplaceAllString(left.String(), ""))
}

var letters = regexp.MustCompile(`\pL\pL`)

func TestEachTextOfEachPageIsSaidInItsLanguage(t *testing.T) {
	w := small(t)
	w.officeHours("front-door")
	w.waits("")
	w.christmas()
	b := w.visitor(desk.Owner).in(language.Pseudo)
	for _, e := range everywhere {
		got := b.get(e.path)
		if got.status != http.StatusOK || !strings.Contains(got.body, `<html lang="en-XA"`) {
			t.Errorf("%s: %d", e.path, got.status)
			continue
		}
		for _, text := range textsOf(t, got.body) {
			if left := unsaid(text.is); letters.MatchString(left) {
				t.Errorf("%s, %s: %q is not said", e.path, text.where, left)
			}
		}
	}
}
