package handover

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"latchkey/sync/wire"
)

// The bounds of one exchange with a controller.
const (
	connectFor = 5 * time.Second  // the connection, with TLS
	answerFor  = 10 * time.Second // the head of the answer
	askFor     = 2 * time.Minute  // all, at all of its addresses: a large site's bundle has some 100 MB
	maxHead    = 16 << 10         // bytes of the head
)

// An asker exchanges one handover for one answer with a controller.
type asker struct {
	tls      *tls.Config
	maxBytes int64         // of an answer
	within   time.Duration // for a controller
}

// newAsker returns one that takes no answer of more than an eighth of the memory there is, so
// that nobody fills it.
func newAsker() *asker {
	a := &asker{maxBytes: wire.MaxHandoverAnswer, within: askFor, tls: &tls.Config{
		MinVersion: tls.VersionTLS13,
		// The board knows no controller yet, and so no certificate of one: see the package.
		InsecureSkipVerify: true,
	}}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err == nil {
		a.maxBytes = min(a.maxBytes, int64(uint64(info.Totalram)*uint64(info.Unit)/8))
	}
	return a
}

// refusal is an answer that is none to a handover.
type refusal struct {
	status int
	after  time.Duration // when to ask again, at the earliest; 0: it does not say
}

func (r *refusal) Error() string {
	switch r.status {
	case http.StatusConflict:
		return "the controller refuses this board, or has adopted it before"
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return "the controller has too many requests"
	}
	return fmt.Sprintf("it answers with status %d, and may be no controller", r.status)
}

// ask hands a board over to the controller at these addresses, each HOST:PORT, or asks it
// again: at the first to which there is a connection.
func (a *asker) ask(ctx context.Context, addresses []string, handover []byte) (*wire.HandoverAnswer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, a.within, fmt.Errorf("not whole after %v", a.within))
	defer cancel()
	var errs []error
	for _, address := range addresses {
		conn, err := a.connect(ctx, address)
		if err == nil {
			defer conn.NetConn().Close()
			return a.exchange(ctx, conn, address, handover)
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// connect connects to an address.
func (a *asker) connect(ctx context.Context, address string) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectFor)
	defer cancel()
	dialer := tls.Dialer{Config: a.tls}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return conn.(*tls.Conn), nil
}

// exchange sends the handover and reads the answer. One request is one connection, to this
// address alone: no redirect is followed, no proxy used.
func (a *asker) exchange(ctx context.Context, conn *tls.Conn, address string, handover []byte) (*wire.HandoverAnswer, error) {
	// What is under way ends with ctx.
	defer context.AfterFunc(ctx, func() { conn.NetConn().Close() })()
	to := url.URL{Scheme: "https", Host: address, Path: wire.HandoverPath}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(handover))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/cbor")
	request.Header.Set("User-Agent", "latchkeyd")
	request.Close = true
	if err := conn.SetDeadline(time.Now().Add(answerFor)); err != nil {
		return nil, err
	}
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	bounded := &io.LimitedReader{R: conn, N: maxHead}
	response, err := http.ReadResponse(bufio.NewReader(bounded), request)
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, &refusal{response.StatusCode, retryAfter(response.Header.Get("Retry-After"))}
	}
	if response.ContentLength > a.maxBytes {
		return nil, a.tooLong()
	}
	if err := conn.SetDeadline(time.Time{}); err != nil { // that of ctx is left
		return nil, err
	}
	bounded.N = a.maxBytes + a.maxBytes/64 + maxHead // with what frames its chunks
	b, err := io.ReadAll(io.LimitReader(response.Body, a.maxBytes+1))
	switch {
	case int64(len(b)) > a.maxBytes:
		return nil, a.tooLong()
	case err != nil:
		return nil, fmt.Errorf("read the answer: %w", cmp.Or(context.Cause(ctx), err))
	}
	return wire.ParseHandoverAnswer(b)
}

func (a *asker) tooLong() error {
	return fmt.Errorf("the answer has more than %d bytes: carry the bundle to the reader in a file", a.maxBytes)
}

// retryAfter returns the seconds of a Retry-After (RFC 9110 §10.2.3); 0 for a date, and for
// what is none.
func retryAfter(header string) time.Duration {
	seconds, err := strconv.ParseUint(header, 10, 16)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
