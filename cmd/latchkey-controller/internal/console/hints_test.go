package console

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// saysEnough are the fields whose label alone says what they do, by name, with why.
// A setting, which changes how a door, a reader or a person is treated, is none of them.
var saysEnough = map[string]string{
	"name":     "a name",
	"first":    "a name",
	"last":     "a name",
	"email":    "a note about a person: no door knows it",
	"employee": "a note about a person: no door knows it",
	"username": "tells password managers whose password is asked for",
	"old":      "a password",
	"again":    "a password, once more",

	"passphrase-again": "a passphrase, once more",
	"console-language": "each language says its own name",

	"digits":   "a PIN; the choice above it says so",
	"file":     "a file; the form says what is done with it",
	"request":  "a file; the form says what is done with it",
	"compared": "confirms what is written above it",
	"user":     "picks people in a list for the button below it",
}

// unexplained are the controls in the forms of a page that send an act, and that nothing beside them explains: neither
// their description (aria-describedby of themselves or of a fieldset around them) nor a hint in their label.
func unexplained(page string) []string {
	document, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	for node := range document.Descendants() {
		if !isControl(node) || isExplained(document, node) {
			continue
		}
		if name := attribute(node, "name"); saysEnough[name] == "" && !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	return found
}

// isControl says whether somebody sets something with a node, and sends it as an act.
func isControl(node *html.Node) bool {
	switch node.Data {
	case "select", "textarea":
	case "input":
		if kind := attribute(node, "type"); kind == "hidden" || kind == "submit" {
			return false
		}
	case "button":
		if attribute(node, "role") != "switch" {
			return false
		}
	default:
		return false
	}
	for over := range node.Ancestors() {
		if over.Data == "form" {
			return strings.EqualFold(attribute(over, "method"), "post")
		}
	}
	return false
}

// isExplained says whether a text beside a control says what it does.
func isExplained(document, node *html.Node) bool {
	if describes(document, node) {
		return true
	}
	for over := range node.Ancestors() {
		if over.Data == "form" {
			return false
		}
		if over.Data == "fieldset" && describes(document, over) {
			return true
		}
		if over.Data == "label" {
			for inner := range over.Descendants() {
				if hasClass(inner, "small") && content(inner) != "" {
					return true
				}
			}
		}
	}
	return false
}

// describes says whether a node has a description that is no error.
func describes(document, node *html.Node) bool {
	for _, id := range strings.Fields(attribute(node, "aria-describedby")) {
		for other := range document.Descendants() {
			if attribute(other, "id") == id && !hasClass(other, "wrong") && content(other) != "" {
				return true
			}
		}
	}
	return false
}

func attribute(node *html.Node, name string) string {
	for _, a := range node.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func hasClass(node *html.Node, class string) bool {
	return slices.Contains(strings.Fields(attribute(node, "class")), class)
}

// content is the text in a node.
func content(node *html.Node) string {
	var text strings.Builder
	for inner := range node.Descendants() {
		if inner.Type == html.TextNode {
			text.WriteString(inner.Data)
		}
	}
	return strings.TrimSpace(text.String())
}

func TestAControlWithoutASentenceIsNoticed(t *testing.T) {
	for page, want := range map[string]string{
		`<form method="post"><label>Colour<input name="colour"></label></form>`:                                            "colour",
		`<form method="post"><input name="colour" aria-describedby="h"><p id="other">Paints the door.</p></form>`:          "colour",
		`<form method="post"><input name="colour" aria-describedby="h"><p id="h"> </p></form>`:                             "colour",
		`<form method="post"><input name="colour" aria-describedby="w"><p id="w" class="wrong">Is no colour.</p></form>`:   "colour",
		`<form method="post"><input name="colour" aria-describedby="h"><p id="h">Paints the door.</p></form>`:              "",
		`<form method="post"><fieldset aria-describedby="h"><select name="a"></select></fieldset></form><p id="h">So.</p>`: "",
		`<form method="post"><label><input name="a" type="checkbox">A<span class="small">Does so.</span></label></form>`:   "",
		`<form method="post"><input type="hidden" name="once"></form><form method="get"><input name="q"></form>`:           "",
		`<form method="post"><button name="on" role="switch"></button><button name="ok">Save</button></form>`:              "on",
	} {
		if got := strings.Join(unexplained(page), " "); got != want {
			t.Errorf("%q, not %q: %s", got, want, page)
		}
	}
}
