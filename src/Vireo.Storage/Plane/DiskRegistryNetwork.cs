using Vireo.Control.Storage;
using Vireo.Storage.FrontEnds;
using Vireo.Storage.Stacks;

namespace Vireo.Storage.Plane;

/// <summary>Servers for other hosts, which come and go while a disk is in use.</summary>
internal sealed partial class DiskRegistry
{
    // A server is added or taken away; for another one the first goes before.
    private static bool CanListenInPlace(DiskAttachment present, DiskAttachment wanted) =>
        present.TlsListen is null || wanted.TlsListen is null
        || (present.TlsListen, present.TlsCertificates, present.TlsPeer) == (wanted.TlsListen, wanted.TlsCertificates, wanted.TlsPeer);

    // What the state file says is what others may rely on: it is written when the new server listens, and before the old one goes.
    private async Task ListenAsync(OpenDisk disk, DiskAttachment wanted)
    {
        var (before, present) = (disk.Attachment, disk.Network);
        if (before == wanted)
        {
            return;
        }

        INetworkFrontEnd? added = null;
        try
        {
            added = before.TlsListen is null ? StartNetwork(wanted, disk.Stack, remembered: null) : null;
            (disk.Attachment, disk.Network) = (wanted, wanted.TlsListen is null ? null : added ?? present);
            Publish(_disks, _failed);
        }
        catch (Exception exception)
        {
            (disk.Attachment, disk.Network) = (before, present);
            if (added is not null)
            {
                await added.DisposeAsync().ConfigureAwait(false);
            }

            throw exception is IOException ? PlaneErrors.Failed(exception.Message, wanted.TlsListen, exception) : exception;
        }

        if (present is not null && disk.Network is null)
        {
            await present.DisposeAsync().ConfigureAwait(false);
        }
    }

    private INetworkFrontEnd? StartNetwork(DiskAttachment attachment, DiskStack stack, string? remembered)
    {
        if (attachment.TlsListen is not { } address)
        {
            return null;
        }

        var factory = frontEnds.OfType<INetworkFrontEndFactory>().FirstOrDefault()
            ?? throw PlaneErrors.Invalid("This plane has no server for other hosts.", attachment.Id.ToString());
        var context = new FrontEndContext(attachment, stack, loggers, time);
        if (remembered is not null && remembered != address)
        {
            try
            {
                return factory.StartNetwork(context, remembered);
            }
            catch (IOException)
            {
                // Somebody has the port meanwhile; any other was as good at first.
                return factory.StartNetwork(context, address);
            }
        }

        return factory.StartNetwork(context, address);
    }
}
