/* Wine 8 lacks the one function of bcryptprimitives.dll that Go's runtime needs:
 * ProcessPrng fills a buffer with random bytes. This is for tests under Wine only.
 * See https://learn.microsoft.com/windows/win32/seccng/processprng. */
#include <windows.h>

/* RtlGenRandom, by the name that advapi32 exports it under. */
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length)
{
	const ULONG most = 1ul << 20;

	while (length > 0) {
		ULONG part = length < most ? (ULONG)length : most;
		if (!SystemFunction036(data, part))
			return FALSE;
		data += part;
		length -= part;
	}
	return TRUE;
}
