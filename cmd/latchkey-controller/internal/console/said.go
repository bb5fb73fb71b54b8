package console

import (
	"encoding/base64"
	"net/http"
)

// saidCookie carries the sentence that says what was done over the redirect
// that follows, once.
const saidCookie = "__Host-said"

func putSaid(w http.ResponseWriter, said string) {
	http.SetCookie(w, &http.Cookie{
		Name: saidCookie, Value: base64.RawURLEncoding.EncodeToString([]byte(truncate(said, 300))), Path: "/", MaxAge: 20,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

func takeSaid(w http.ResponseWriter, r *http.Request) string {
	cookie, err := r.Cookie(saidCookie)
	if err != nil {
		return ""
	}
	http.SetCookie(w, &http.Cookie{Name: saidCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	said, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return ""
	}
	return string(said)
}
