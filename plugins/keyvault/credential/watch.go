package credential

import (
	"strings"
	"sync"

	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// Watch listens to the Azure SDK's log for the one thing that its interface does
// not tell: which member of a chain won. A nil Watch knows nothing.
type Watch struct {
	mu      sync.Mutex
	winners map[string]string // by the name of the chain
}

// Listen installs a watch as the SDK's log listener. The SDK has one listener
// for the whole process and does not lock it, so call this once, in main, before
// anything else. It also takes the place of the listener that the variable
// AZURE_SDK_GO_LOGGING installs, which writes unstructured lines to stderr.
func Listen() *Watch {
	w := &Watch{winners: map[string]string{}}
	azlog.SetEvents(azidentity.EventAuthentication)
	azlog.SetListener(w.hear)
	return w
}

// hear picks "<chain> authenticated with <member>". Should the SDK change these
// words, an identity is described by its ids alone.
func (w *Watch) hear(_ azlog.Event, message string) {
	chain, member, ok := strings.Cut(message, " authenticated with ")
	if !ok || strings.ContainsAny(chain+member, " \n") {
		return
	}
	w.mu.Lock()
	w.winners[chain] = member
	w.mu.Unlock()
}

func (w *Watch) winner(chain string) string {
	if w == nil {
		return ""
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.winners[chain]
}
