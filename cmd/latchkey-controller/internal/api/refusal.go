package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/site"
)

// The codes of the UniFi Access developer API that are sent.
const (
	codeSuccess      = "SUCCESS"
	codeParams       = "CODE_PARAMS_INVALID"
	codeSystem       = "CODE_SYSTEM_ERROR"
	codeNoResource   = "CODE_RESOURCE_NOT_FOUND"
	codeNotExists    = "CODE_NOT_EXISTS"
	codeNoToken      = "CODE_AUTH_FAILED"
	codeWrongToken   = "CODE_ACCESS_TOKEN_INVALID"
	codeNoScope      = "CODE_UNAUTHORIZED"
	codeForbidden    = "CODE_OPERATION_FORBIDDEN"
	codeUnsupported  = "CODE_DEVICE_API_NOT_SUPPORTED"
	codeNoUser       = "CODE_USER_WORKER_NOT_EXISTS"
	codeNoDevice     = "CODE_DEVICE_DEVICE_NOT_FOUND"
	codeOffline      = "CODE_DEVICE_DEVICE_OFFLINE"
	codeBusy         = "CODE_DEVICE_DEVICE_BUSY"
	codePINLength    = "CODE_CREDS_PIN_CODE_CREDS_LENGTH_INVALID"
	codeCardTaken    = "CODE_CREDS_NFC_HAS_BIND_USER"
	codeWrongCard    = "CODE_CREDS_NFC_CARD_INVALID"
	codeNoSession    = "CODE_CREDS_NFC_READ_SESSION_NOT_FOUND"
	codeNotReadYet   = "CODE_CREDS_NFC_READ_POLL_TOKEN_EMPTY"
	codeSameEndpoint = "CODE_DEVICE_WEBHOOK_ENDPOINT_DUPLICATED"
	codeWrongEmail   = "CODE_USER_EMAIL_ERROR"
)

// A refusal is why a request was not carried out: an HTTP status, a code, and a sentence for
// people. It is an error.
type refusal struct {
	status int
	code   string
	text   string // what is wrong and what to do next, without a full stop
	wait   int    // seconds after which to come again; 0: it is of no use
	allow  string // the methods that the address takes (RFC 9110, 10.2.1); "": not to be said
}

func (r *refusal) Error() string { return r.text }

func refuse(status int, code, text string) *refusal {
	return &refusal{status: status, code: code, text: text}
}

// refusal returns how a request is refused because of an error; nil: nobody waits for an
// answer any more.
func (a *API) refusal(r *http.Request, rt route, err error) *refusal {
	var refused *refusal
	var tooBig *http.MaxBytesError
	var full *desk.FullError
	var away *desk.UnavailableError
	var unsure *desk.UnsureError
	var unsuitable *site.RefusedPIN
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &tooBig):
		return refuse(http.StatusRequestEntityTooLarge, codeParams, fmt.Sprintf("The body is too large: at most %d KiB can be sent here", tooBig.Limit>>10))
	case errors.Is(err, desk.ErrNoToken):
		return refuse(http.StatusUnauthorized, codeWrongToken, desk.Sentence(err.Error()))
	case errors.Is(err, desk.ErrNoScope):
		return refuse(http.StatusForbidden, codeNoScope, desk.Sentence(err.Error()))
	case errors.Is(err, desk.ErrNotAllowed), errors.Is(err, desk.ErrSignInAgain):
		return refuse(http.StatusForbidden, codeForbidden, desk.Sentence(err.Error()))
	case errors.Is(err, desk.ErrNotSuspended):
		return refuse(http.StatusBadRequest, codeParams, desk.Sentence(err.Error()))
	case errors.Is(err, desk.ErrNotFound):
		code := rt.missing
		if code == "" {
			code = codeNotExists
		}
		return refuse(http.StatusNotFound, code, "What this is about was removed, or never was here")
	case errors.Is(err, desk.ErrReaderAway):
		return refuse(http.StatusPaymentRequired, codeOffline, desk.Sentence(err.Error()))
	case errors.Is(err, desk.ErrNoCard):
		return refuse(http.StatusBadRequest, codeWrongCard, desk.Sentence(err.Error()))
	case errors.Is(err, site.ErrCardTaken):
		return refuse(http.StatusBadRequest, codeCardTaken, desk.Sentence(err.Error()))
	case errors.Is(err, site.ErrPINTaken), errors.As(err, &unsuitable): // which of them would tell that a PIN opens a door
		return refuse(http.StatusBadRequest, codeParams, desk.Sentence(site.ErrPINTaken.Error()))
	case desk.Fields(err)["email"] != nil:
		return refuse(http.StatusBadRequest, codeWrongEmail, desk.Sentence(err.Error()))
	case desk.Fields(err) != nil:
		return refuse(http.StatusBadRequest, codeParams, desk.Sentence(err.Error()))
	case errors.As(err, &full):
		a.log.Error("api: request failed", "method", r.Method, "route", r.Pattern, "error", err)
		return refuse(http.StatusInsufficientStorage, codeSystem, desk.Sentence(full.Error()))
	case errors.As(err, &away):
		level := slog.LevelWarn
		if desk.Outage(err) != "" { // it is logged elsewhere, once
			level = slog.LevelDebug
		}
		a.log.Log(r.Context(), level, "api: request failed", "method", r.Method, "route", r.Pattern, "error", err)
		return &refusal{status: http.StatusServiceUnavailable, code: codeSystem, text: desk.Sentence(away.Error()), wait: 5}
	case errors.As(err, &unsure):
		a.log.Error("api: request failed", "method", r.Method, "route", r.Pattern, "error", err)
		return refuse(http.StatusInternalServerError, codeSystem, desk.Sentence(unsure.Error()))
	case r.Context().Err() != nil:
		return nil
	}
	a.log.Error("api: request failed", "method", r.Method, "route", r.Pattern, "error", err)
	return refuse(http.StatusInternalServerError, codeSystem, "The controller failed, so nothing was done; see its log for details")
}
