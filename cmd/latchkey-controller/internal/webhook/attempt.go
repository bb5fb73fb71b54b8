package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// attempt sends a delivery once. It returns how that ended, and for how long nothing more is
// to be sent to the receiver.
func (e *Engine) attempt(ctx context.Context, o *desk.Outgoing) (got desk.Attempt, pause time.Duration) {
	body := o.Body
	if len(body) == 0 {
		body = e.body(&desk.WebhookEvent{Name: o.Event}, o.Style, false)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, o.URL, bytes.NewReader(body))
	if err != nil {
		return desk.Attempt{Problem: problem(err)}, 0
	}
	if !o.Inside && r.URL.Scheme != "https" { // it was, when the URL was entered
		return desk.Attempt{Problem: "an Owner no longer allows this host, and others are sent to over https:// only"}, 0
	}
	for name, value := range o.Headers {
		r.Header.Set(name, value)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Latchkey")
	if err := sign(r.Header, o.Secret, o.Former, o.Message, time.Now(), body); err != nil {
		return desk.Attempt{Problem: problem(err)}, 0
	}
	client := e.public
	if o.Inside {
		client = e.inside
	}
	response, err := client.Do(r)
	if err != nil {
		return desk.Attempt{Problem: problem(err)}, 0
	}
	defer response.Body.Close()
	// A short rest lets the connection be used again.
	rest := time.AfterFunc(leftover, cancel)
	defer rest.Stop()
	io.Copy(io.Discard, io.LimitReader(response.Body, 4<<10))
	got.Status = response.StatusCode
	switch {
	case got.Status >= 200 && got.Status < 300:
		return got, 0
	case got.Status >= 300 && got.Status < 400:
		got.Problem = fmt.Sprintf("it answered %d: redirects are not followed, so enter the URL to which it leads", got.Status)
	case got.Status == http.StatusGone:
		got.Problem, got.Gone = "it answered that it is gone (410)", true
	default:
		got.Problem = fmt.Sprintf("it answered %d %s", got.Status, http.StatusText(got.Status))
	}
	got.Problem = strings.TrimSpace(got.Problem)
	got.Wait = retryAfter(response.Header.Get("Retry-After"), time.Now())
	pause = got.Wait
	if got.Status == http.StatusBadGateway || got.Status == http.StatusGatewayTimeout {
		pause = max(pause, slowDown)
	}
	return got, pause
}

// longestPause is how long a receiver may have all events wait.
const longestPause = 24 * time.Hour

// retryAfter reads a Retry-After (RFC 9110, section 10.2.3), seconds or a date; 0: there is
// none.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, longestPause)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, min(at.Sub(now), longestPause))
	}
	return 0
}

// sign signs a body, as of now, in both ways: for receivers of the UniFi Access API with the
// text of the secret, and for those of Standard Webhooks with the bytes in it, and then with
// those of the former secret, if it is not "". The other way has room for one signature only.
func sign(h http.Header, secret, former, message string, now time.Time, body []byte) error {
	var signatures []string
	for _, key := range []string{secret, former} {
		if key == "" {
			continue
		}
		standard, err := standardwebhooks.NewWebhook(key)
		if err != nil {
			return errors.New("the secret is damaged") // an error may quote it
		}
		signature, err := standard.Sign(message, now, body)
		if err != nil {
			return err
		}
		signatures = append(signatures, signature)
	}
	t := strconv.FormatInt(now.Unix(), 10)
	h.Set("Webhook-Id", message)
	h.Set("Webhook-Timestamp", t)
	h.Set("Webhook-Signature", strings.Join(signatures, " "))
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s.%s", t, body)
	h.Set("Signature", "t="+t+",v1="+hex.EncodeToString(mac.Sum(nil)))
	return nil
}

// problem says for people why no answer came. It leaves out the URL, which may hold a secret.
func problem(err error) string {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Sprintf("no answer came within %d s", int(patience/time.Second))
	}
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	text := strings.ToValidUTF8(desk.Clean(err.Error()), "")
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + " …"
	}
	return text
}
