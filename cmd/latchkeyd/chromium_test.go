package main

import (
	"bytes"
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browser starts a headless Chromium that talks to loopback only.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not installed: run make setup")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-sync", true),
	)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 800)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestInTheBrowserAPersonTapsAPINAndTheDoorOpens(t *testing.T) {
	t.Parallel()
	reader := adaAndBob(t).adopt(t, "front-door")
	reader.start()
	ctx := browser(t)
	tap := func(name string) {
		t.Helper()
		before := reader.pixels()
		if err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(`button[data-name="`+name+`"]`), chromedp.NodeVisible)); err != nil {
			t.Fatalf("tap %s: %v\n%s", name, err, reader.log.String())
		}
		reader.eventually("the screen follows the tap", func() bool { return !bytes.Equal(before, reader.pixels()) })
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(reader.url)); err != nil {
		t.Fatal(err)
	}
	tap("pin")
	for _, digit := range adaPIN {
		tap("digit-" + string(digit))
	}
	reader.opens("the PIN that was tapped")
	open := `document.querySelector("#strike").textContent.startsWith("energised")`
	reader.eventually("the page says so", func() bool {
		says, err := chromedp.Run(ctx, chromedp.Evaluate[bool](open))
		return err == nil && says
	})
	before := reader.line("door-open")
	if err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS("#leaf"), chromedp.NodeVisible)); err != nil {
		t.Fatal(err)
	}
	reader.eventually("the door that is pushed swings open", func() bool { return !before && reader.line("door-open") })
}
