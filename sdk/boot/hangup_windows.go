package boot

import "context"

// OnHangup does nothing: Windows has no SIGHUP.
func OnHangup(context.Context, func(context.Context)) (wait func()) { return func() {} }
