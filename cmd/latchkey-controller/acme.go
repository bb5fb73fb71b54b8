package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/crypto/acme/autocert"
	"golang.org/x/sync/errgroup"

	"latchkey/cmd/latchkey-controller/internal/console"
)

// How long to wait before the public authority is asked again. Let's Encrypt allows five refusals
// an hour (letsencrypt.org/docs/rate-limits), and one try may be refused twice: by TLS and by HTTP.
// autocert keeps a failure for a minute.
const (
	acmeUnheard = 2 * time.Minute // nobody has answered, as while the network is away
	acmeRefused = time.Hour
	acmeHeld    = 5 * time.Minute // to see whether autocert has renewed the certificate
)

// A publicCertificate is the console's certificate of a public authority. While there is none that is
// valid, browsers get the one of the site's own authority.
type publicCertificate struct {
	name    string
	http    string // where HTTP-01 is answered; "off": nowhere
	manager *autocert.Manager
	answers *authorityAnswers
	log     *slog.Logger

	mu        sync.Mutex
	held      *tls.Certificate // nil: there is none yet
	wrong     string           // why there is none, or no new one
	next      time.Time        // when it is tried again
	answering bool             // by HTTP
	silent    string           // why it cannot answer by HTTP; "": it has not failed to
}

// or returns a source of this certificate for its name, and of another one for all else.
func (p *publicCertificate) or(own certificateSource) certificateSource {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acmeProtocol {
			return p.manager.GetCertificate(hello) // answers a challenge, and asks for nothing
		}
		if held := p.valid(); held != nil && hello.ServerName != "" && held.Leaf.VerifyHostname(hello.ServerName) == nil {
			return held, nil
		}
		return own(hello)
	}
}

// acmeProtocol is what an authority that checks a name asks for (RFC 8737 §3).
const acmeProtocol = "acme-tls/1"

// valid returns the certificate; nil: there is none that is valid now.
func (p *publicCertificate) valid() *tls.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == nil || notValidNow(p.held.Leaf, time.Now()) != "" {
		return nil
	}
	return p.held
}

// state is for console.Options.
func (p *publicCertificate) state() console.Certificate {
	held := p.valid()
	p.mu.Lock()
	defer p.mu.Unlock()
	is := console.Certificate{Name: p.name, Wrong: p.wrong, Next: p.next}
	switch {
	case held != nil:
		is.Until = held.Leaf.NotAfter
	case p.held != nil && is.Wrong == "":
		is.Wrong = "The last one is not valid now: " + notValidNow(p.held.Leaf, time.Now()) + "."
	case is.Wrong == "":
		is.Wrong = "It is being asked for."
	}
	if is.Wrong != "" && p.silent != "" {
		is.Wrong += " " + p.silent
	}
	return is
}

// run asks for the certificate, and for a new one in time, until ctx ends. The console must listen.
func (p *publicCertificate) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		for {
			p.answerByHTTP(ctx, group)
			asked := make(chan time.Duration, 1)
			go func() { asked <- p.ask() }() // which no context ends
			select {
			case <-ctx.Done():
				return nil
			case wait := <-asked:
				select {
				case <-ctx.Done():
					return nil
				case <-time.After(wait):
				}
			}
		}
	})
	return group.Wait()
}

// ask gets the certificate from the disk, or else from the authority, and returns how long to wait
// before the next time.
func (p *publicCertificate) ask() time.Duration {
	p.answers.forget()
	held, err := p.manager.GetCertificate(&tls.ClientHelloInfo{ServerName: p.name, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}})
	heard, why := p.answers.said()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		if p.held == nil || !p.held.Leaf.Equal(held.Leaf) {
			p.log.Info("the console has a public certificate", "name", p.name, "until", held.Leaf.NotAfter)
		}
		p.held, p.wrong, p.next = held, "", time.Time{}
		if overdue(held.Leaf.NotBefore, held.Leaf.NotAfter, time.Now()) {
			p.wrong = "It has been tried for days, and is tried every hour. The authority has to reach this console under that name, at port 443, or at port 80 with --acme-http."
			p.log.Error("the console's public certificate is not renewed", "name", p.name, "until", held.Leaf.NotAfter)
		}
		return acmeHeld
	}
	wait := acmeUnheard
	switch {
	case why != "":
		wait, p.wrong = acmeRefused, "The authority did not reach this console under that name ("+why+")."
	case heard:
		wait, p.wrong = acmeRefused, "The authority says: "+plainText(err.Error())+"."
	default:
		p.wrong = "The authority cannot be reached: " + plainText(err.Error()) + "."
	}
	p.next = time.Now().Add(wait)
	p.log.Error("there is no public certificate for the console; browsers get that of the site's own authority", "name", p.name, "why", p.wrong, "next", wait)
	return wait
}

// overdue says whether a certificate should have been renewed for long: autocert begins a month
// before the end, or after two thirds of the time if that is later.
func overdue(begin, end, now time.Time) bool {
	return end.Sub(now) < min(end.Sub(begin)/3, 30*24*time.Hour)*2/3
}
