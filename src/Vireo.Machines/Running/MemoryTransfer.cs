using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Vireo.Machines.Accelerators;
using Vireo.Machines.Qmp;

namespace Vireo.Machines.Running;

/// <summary>Moves the memory and the devices of a guest from process to process, by QEMU's own migration.</summary>
/// <param name="process">The process of this side.</param>
/// <param name="time">Clock.</param>
internal sealed class MemoryTransfer(MachineProcess process, TimeProvider time)
{
    /// <summary>Environment variable of the host: emulated guests run while their memory is sent, as others do. For measurements; their memory may come to harm.</summary>
    private const string LiveVariable = "VIREO_MOVE_EMULATED_LIVE";

    private const string Credentials = "transfer-credentials";
    private const string Authorization = "transfer-authorization";

    // The most that QEMU takes: what is not limited is as fast as the network.
    private const long Unlimited = 1L << 40;
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMilliseconds(250);

    // Options of a network that mean nothing for a file are off, or QEMU would use them there as well.
    private static readonly string[] s_capabilities = ["pause-before-switchover", "multifd", "auto-converge", "events"];

    /// <summary>
    /// The guest stands still while all of its memory is sent. Where QEMU translates its code, pages that the guest changes meanwhile may be missed: QEMU before 9.0 forgets to watch
    /// them again ("physmem: Fix migration dirty bitmap coherency with TCG memory access"), and whoever mended that saw more such cases. Guests on a processor's own
    /// virtualization are watched by the kernel.
    /// </summary>
    private bool StandsStill => process.Record.Plan.Accelerator == AcceleratorKind.Tcg && Environment.GetEnvironmentVariable(LiveVariable) is null;

    /// <summary>What the process on the other side must know of this one to take its place.</summary>
    public async Task<SavedStateHeader> DescribeAsync(CancellationToken cancellationToken) => new(
        process.Record.Configuration.Id, process.QemuVersion, await GetMachineTypeAsync(cancellationToken).ConfigureAwait(false), process.Record.Slots,
        process.Record.Plan.Memory, (await new MemoryControl(process).GetAsync(cancellationToken).ConfigureAwait(false)).AssignedBytes);

    /// <summary>
    /// Sends memory over <paramref name="link"/> while the guest runs, unless QEMU translates its code (<see cref="StandsStill"/>); returns when it stands still and only
    /// the rest is left.
    /// </summary>
    /// <exception cref="MachineException">It could not be sent; the guest may stand still.</exception>
    public async Task SendAsync(MachineDeparture departure, TransferLink link, CancellationToken cancellationToken)
    {
        await SetAsync(departure.Settings, isPausing: true, cancellationToken).ConfigureAwait(false);
        await SecureAsync(departure.Security, "client", cancellationToken).ConfigureAwait(false);
        var place = await link.OpenAsync(cancellationToken).ConfigureAwait(false);
        if (StandsStill)
        {
            await process.ExecuteAsync("stop", null, cancellationToken).ConfigureAwait(false);
        }

        await process.ExecuteAsync("migrate", new JsonObject { ["uri"] = place }, cancellationToken).ConfigureAwait(false);
        await WaitAsync("pre-switchover", departure.Progress, cancellationToken, link).ConfigureAwait(false);
    }

    /// <summary>Sends the rest; returns when the other side has everything.</summary>
    /// <exception cref="MachineException">It could not be sent.</exception>
    public async Task CompleteAsync(Action<TransferStatus> progress, CancellationToken lost)
    {
        await process.ExecuteAsync("migrate-continue", new JsonObject { ["state"] = "pre-switchover" }, CancellationToken.None).ConfigureAwait(false);
        await WaitAsync("completed", progress, lost).ConfigureAwait(false);
    }

    /// <summary>Waits for another process's guest; returns when everything is here. It does not run. <see cref="ResetAsync"/> is due once it does: nobody hears it until then.</summary>
    /// <exception cref="MachineException">It did not come, or does not fit.</exception>
    public async Task ReceiveAsync(MachineArrival arrival, CancellationToken cancellationToken)
    {
        await SetAsync(arrival.Settings, isPausing: true, cancellationToken).ConfigureAwait(false);
        await SecureAsync(arrival.Security, "server", cancellationToken).ConfigureAwait(false);
        await process.ExecuteAsync("migrate-incoming", new JsonObject { ["uri"] = $"tcp:{Bracketed(arrival.Address)}:0" }, cancellationToken).ConfigureAwait(false);
        var answer = await process.ExecuteAsync("query-migrate", null, cancellationToken).ConfigureAwait(false);
        var port = answer.Member("socket-address").AsList().Select(address => address.FindMember("port")?.FindText()).OfType<string>().FirstOrDefault();
        arrival.Listening(int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number : throw new MachineException(MachineErrorKind.Transfer, "QEMU does not say where it waits for the guest."));
        await WaitAsync("completed", null, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Returns when nothing is sent any more, after it was cancelled.</summary>
    public async Task SettledAsync()
    {
        while (true)
        {
            var changed = process.TransferChanged;
            var answer = await process.ExecuteAsync("query-migrate", null, CancellationToken.None).ConfigureAwait(false);
            if (answer.FindMember("status")?.FindText() is null or "none" or "failed" or "cancelled" or "completed")
            {
                return;
            }

            await Task.WhenAny(changed, process.Exited, Task.Delay(s_longestPause, time)).ConfigureAwait(false);
        }
    }

    /// <summary>Takes back what a transfer over the network needs and one to a file must not have. May be repeated.</summary>
    public async Task ResetAsync(CancellationToken cancellationToken)
    {
        await SetAsync(new TransferSettings { SlowsGuest = false }, isPausing: false, cancellationToken).ConfigureAwait(false);
        await process.ExecuteAsync("migrate-set-parameters", new JsonObject { ["tls-creds"] = "", ["tls-hostname"] = "", ["tls-authz"] = "" }, cancellationToken).ConfigureAwait(false);
        foreach (var id in new[] { Credentials, Authorization })
        {
            try
            {
                await process.ExecuteAsync("object-del", new JsonObject { ["id"] = id }, cancellationToken).ConfigureAwait(false);
            }
            catch (QmpException)
            {
                // It was never made.
            }
        }
    }

    /// <summary>Tells the network where the guest is now.</summary>
    public Task AnnounceAsync() => process.ExecuteAsync(
        "announce-self", new JsonObject { ["initial"] = 50, ["max"] = 550, ["rounds"] = 5, ["step"] = 100 }, CancellationToken.None);

    private async Task SetAsync(TransferSettings settings, bool isPausing, CancellationToken cancellationToken)
    {
        var isParallel = settings.Channels > 1;
        bool[] states = [isPausing, isParallel, settings.SlowsGuest, isPausing];
        JsonArray capabilities = [.. s_capabilities.Zip(states).Select(pair => new JsonObject { ["capability"] = pair.First, ["state"] = pair.Second })];
        await process.ExecuteAsync("migrate-set-capabilities", new JsonObject { ["capabilities"] = capabilities }, cancellationToken).ConfigureAwait(false);
        var parameters = new JsonObject
        {
            ["max-bandwidth"] = settings.BytesPerSecond > 0 ? settings.BytesPerSecond : Unlimited,
            ["downtime-limit"] = (long)settings.Downtime.TotalMilliseconds,

            // Who has taken the guest announces it, once it is known who that is.
            ["announce-rounds"] = 0,
        };
        if (isParallel)
        {
            parameters["multifd-channels"] = settings.Channels;
            parameters["multifd-compression"] = settings.Compressed ? "zlib" : "none";
        }

        await process.ExecuteAsync("migrate-set-parameters", parameters, cancellationToken).ConfigureAwait(false);
    }

    private async Task SecureAsync(TransferSecurity? security, string endpoint, CancellationToken cancellationToken)
    {
        if (security is null)
        {
            return;
        }

        await process.ExecuteAsync(
            "object-add",
            new JsonObject { ["qom-type"] = "tls-creds-x509", ["id"] = Credentials, ["endpoint"] = endpoint, ["dir"] = security.CertificateFolder, ["verify-peer"] = true },
            cancellationToken).ConfigureAwait(false);
        var parameters = new JsonObject { ["tls-creds"] = Credentials };
        if (endpoint == "client")
        {
            parameters["tls-hostname"] = security.PeerName ?? "";
        }
        else if (security.PeerName is { } name)
        {
            await process.ExecuteAsync(
                "object-add", new JsonObject { ["qom-type"] = "authz-simple", ["id"] = Authorization, ["identity"] = name }, cancellationToken).ConfigureAwait(false);
            parameters["tls-authz"] = Authorization;
        }

        await process.ExecuteAsync("migrate-set-parameters", parameters, cancellationToken).ConfigureAwait(false);
    }

    private async Task WaitAsync(string wanted, Action<TransferStatus>? progress, CancellationToken cancellationToken, TransferLink? link = null)
    {
        while (true)
        {
            link?.Follow();

            // Taken before the question: what changes after it is not missed.
            var changed = process.TransferChanged;
            var answer = await process.ExecuteAsync("query-migrate", null, cancellationToken).ConfigureAwait(false);
            var status = answer.FindMember("status")?.FindText();
            if (progress is not null && Describe(answer) is { } described)
            {
                progress(described);
            }

            if (status == wanted)
            {
                return;
            }

            if (status is "failed" or "cancelled" or "completed")
            {
                var reason = answer.FindMember("error-desc")?.FindText() ?? "QEMU does not say why";
                throw new MachineException(MachineErrorKind.Transfer, $"The memory of the guest could not be moved: {reason.TrimEnd('.')}.");
            }

            await Task.WhenAny(changed, process.Exited, Task.Delay(s_longestPause, time, cancellationToken)).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private static TransferStatus? Describe(JsonElement answer)
    {
        if (answer.FindMember("ram") is not { } memory)
        {
            return null;
        }

        return new(
            Number("total"), Number("remaining"), Number("transferred"), (int)Math.Clamp(Number("dirty-sync-count"), 0, int.MaxValue),
            memory.FindMember("mbps") is { ValueKind: JsonValueKind.Number } speed && speed.GetDouble() is var megabits and >= 0 and < 1e9 ? (long)(megabits * 125_000) : 0,
            Number("dirty-pages-rate") * Math.Min(Number("page-size"), 1 << 30));

        long Number(string name) => memory.FindMember(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number) ? Math.Clamp(number, 0, 1L << 50) : 0;
    }

    /// <summary>The exact machine type: "pc" may mean another one after an upgrade of QEMU.</summary>
    private async Task<string> GetMachineTypeAsync(CancellationToken cancellationToken)
    {
        const string Suffix = "-machine";
        var type = await process.ExecuteAsync("qom-get", new JsonObject { ["path"] = "/machine", ["property"] = "type" }, cancellationToken).ConfigureAwait(false);
        var name = type.AsText();
        return name.EndsWith(Suffix, StringComparison.Ordinal) ? name[..^Suffix.Length] : name;
    }

    private static string Bracketed(string address) => address.Contains(':', StringComparison.Ordinal) && !address.StartsWith('[') ? $"[{address}]" : address;
}
