using System.Net.Sockets;
using Vireo.Platform.Files;
using Vireo.Storage.NbdClient;

namespace Vireo.Storage.Plane;

/// <summary>
/// What an NBD server of ours serves, as a block device of the kernel's NBD client. When this process ends, however it does, the kernel takes the
/// device away.
/// </summary>
internal static class KernelDevice
{
    /// <summary>What the line of output begins with that names the device.</summary>
    public const string Announcement = "device ";

    /// <summary>Serves a device until <paramref name="stop"/> completes.</summary>
    /// <param name="socketPath">Where the NBD server listens.</param>
    /// <param name="sectorBytes">Logical sector of the device.</param>
    /// <param name="stop">Ends it.</param>
    /// <exception cref="IOException">The kernel has no device for it, or ended the connection by itself.</exception>
    public static async Task ServeAsync(string socketPath, int sectorBytes, Task stop)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath)).ConfigureAwait(false);
        var stream = new NetworkStream(socket, ownsSocket: false);
        await using (stream.ConfigureAwait(false))
        {
            // The kernel knows only simple replies.
            var address = NbdAddress.Parse($"nbd+unix:///?socket={Uri.EscapeDataString(socketPath)}");
            var (_, export) = await new NbdClientHandshake(address, null, isSimple: true).RunAsync(stream, CancellationToken.None).ConfigureAwait(false);
            var taken = new TaskCompletionSource<KernelNbdDevice>(TaskCreationOptions.RunContinuationsAsynchronously);
            var served = Task.Factory.StartNew(
                () =>
                {
                    try
                    {
                        taken.SetResult(KernelNbdDevice.Take(socket.SafeHandle, export.SizeBytes, sectorBytes, (int)export.Flags));
                    }
                    catch (Exception exception)
                    {
                        taken.SetException(exception);
                        return;
                    }

                    taken.Task.Result.Run();
                },
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default);
            using var device = await taken.Task.ConfigureAwait(false);
            await Console.Out.WriteLineAsync(Announcement + device.Path).ConfigureAwait(false);
            await Console.Out.FlushAsync().ConfigureAwait(false);
            await Task.WhenAny(served, stop).ConfigureAwait(false);
            if (served.IsCompleted)
            {
                await served.ConfigureAwait(false);
                throw new IOException($"the device '{device.Path}' was taken away by the kernel or by another program");
            }

            device.Stop();
            await served.ConfigureAwait(false);
        }
    }
}
