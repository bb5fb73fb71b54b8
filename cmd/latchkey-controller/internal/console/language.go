package console

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"reflect"

	"latchkey/cmd/latchkey-controller/internal/language"
)

// languageCookie holds the language that somebody has chosen.
const languageCookie = "__Host-language"

// languageOf returns the language for a request: the one that was chosen, or the browser's.
func (c *Console) languageOf(r *http.Request) *language.Language {
	chosen := ""
	if cookie, err := r.Cookie(languageCookie); err == nil {
		chosen = cookie.Value
	}
	return c.languages.Choose(chosen, r.Header.Get("Accept-Language"))
}

// chooseLanguage answers whoever chooses a language, with a session or without, and goes back.
func (c *Console) chooseLanguage(w http.ResponseWriter, r *http.Request) error {
	chosen := c.languages.Choose(r.PostFormValue("console-language"), "")
	http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: chosen.Tag, Path: "/", MaxAge: 365 * 24 * 3600, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	back := "/"
	if from, err := url.Parse(r.Referer()); err == nil {
		back = local(from.RequestURI())
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
	return nil
}

// Language is the tag of the language that the page is in.
func (v *visit) Language() string { return v.pages.language.Tag }

// saying are the template functions that say sentences in a language: say with a sentence of the code, or with English and
// its values; count with a whole number, English for one and for many, and further values; and what puts markup into a
// sentence: a text that is said already, a sentence, or a name.
func saying(in *language.Language) template.FuncMap {
	escaped := func(what any) template.HTML {
		switch what := what.(type) {
		case template.HTML:
			return what
		case *language.Sentence:
			return template.HTML(template.HTMLEscapeString(in.Say(what)))
		}
		return template.HTML(template.HTMLEscapeString(fmt.Sprint(what)))
	}
	return template.FuncMap{
		"say": func(sentence any, values ...any) any {
			if s, is := sentence.(*language.Sentence); is {
				return in.HTML(s)
			}
			return in.HTML(language.Say(sentence.(string), values...))
		},
		"count": func(n any, one, many string, values ...any) any {
			return in.HTML(language.Count(whole(n), one, many, values...))
		},
		"bold": func(what any) language.Name { return language.Name(in.Text(what)) },
		"code": func(text any) template.HTML { return "<code>" + escaped(text) + "</code>" },
		"link": func(href string, text any) template.HTML {
			return template.HTML(`<a href="`+template.HTMLEscapeString(href)+`">`) + escaped(text) + "</a>"
		},
	}
}

// whole returns a number of any integer type as an int.
func whole(n any) int {
	v := reflect.ValueOf(n)
	if v.CanUint() {
		return int(v.Uint())
	}
	return int(v.Int())
}
