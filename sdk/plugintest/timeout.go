package plugintest

import "time"

// callTimeout is generous: it only keeps a hanging provider from hanging the test.
const callTimeout = 60 * time.Second
