using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Vireo.Platform;
using Vireo.Platform.Memory;
using Vireo.Platform.Sockets;
using Vireo.Vhost.Protocol;

namespace Vireo.Vhost.Sessions;

/// <content>Takes messages apart and answers them. Each handler returns null, or why the message is not accepted.</content>
internal sealed partial class VhostUserSession
{
    /// <summary>What every device gets; the device adds its own.</summary>
    private const VhostUserProtocolFeatures CommonProtocolFeatures =
        VhostUserProtocolFeatures.MultipleQueues | VhostUserProtocolFeatures.LogSharedMemory | VhostUserProtocolFeatures.ReplyAcknowledge
        | VhostUserProtocolFeatures.BackEndRequests | VhostUserProtocolFeatures.ResetDevice | VhostUserProtocolFeatures.ConfigureMemorySlots;

    /// <summary>virtio's largest configuration space in this protocol (VHOST_USER_MAX_CONFIG_SIZE).</summary>
    private const int ConfigBytesMax = 256;

    private VhostUserProtocolFeatures _protocolFeatures;
    private UnixConnection? _requests;
    private ulong? _features;

    private ulong OfferedFeatures => _device.Features | VirtioFeatures.Ring;

    private VhostUserProtocolFeatures OfferedProtocolFeatures => CommonProtocolFeatures | _device.ProtocolFeatures;

    private void Handle(in MessageHeader header, Span<byte> payload)
    {
        // These answer in their own form; the others are acknowledged if the front end asks for it (vhost-user "REPLY_ACK").
        var acknowledge = header.NeedsReply && _protocolFeatures.HasFlag(VhostUserProtocolFeatures.ReplyAcknowledge);
        var reason = header.Request switch
        {
            VhostUserRequest.GetFeatures => AnswerNumber(header, OfferedFeatures, ref acknowledge),
            VhostUserRequest.GetProtocolFeatures => AnswerNumber(header, (ulong)OfferedProtocolFeatures, ref acknowledge),
            VhostUserRequest.GetQueueCount => AnswerNumber(header, (ulong)_queues.Length, ref acknowledge),
            VhostUserRequest.GetMaxMemorySlots => AnswerNumber(header, (ulong)Memory.GuestMemory.RegionsMax, ref acknowledge),
            VhostUserRequest.GetConfig => GetConfig(payload, ref acknowledge),
            VhostUserRequest.GetInflightDescriptor => GetInflight(payload, ref acknowledge),
            VhostUserRequest.GetVringBase => GetVringBase(payload, ref acknowledge),
            VhostUserRequest.SetFeatures => SetFeatures(payload),
            VhostUserRequest.SetProtocolFeatures => SetProtocolFeatures(payload),
            VhostUserRequest.SetOwner => null,
            VhostUserRequest.ResetOwner or VhostUserRequest.ResetDevice => ResetDevice(header, ref acknowledge),
            VhostUserRequest.SetMemoryTable => SetMemoryTable(header, payload, ref acknowledge),
            VhostUserRequest.AddMemoryRegion => AddMemoryRegion(payload),
            VhostUserRequest.RemoveMemoryRegion => RemoveMemoryRegion(header, payload, ref acknowledge),
            VhostUserRequest.SetLogBase => SetLogBase(payload, ref acknowledge),
            VhostUserRequest.SetLogDescriptor => SetLogDescriptor(),
            VhostUserRequest.SetVringSize => SetVringSize(payload),
            VhostUserRequest.SetVringAddress => SetVringAddress(payload),
            VhostUserRequest.SetVringBase => SetVringBase(payload),
            VhostUserRequest.SetVringKick or VhostUserRequest.SetVringCall or VhostUserRequest.SetVringError => SetVringEvent(header.Request, payload),
            VhostUserRequest.SetVringEnable => SetVringEnable(payload),
            VhostUserRequest.SetInflightDescriptor => SetInflight(payload),
            VhostUserRequest.SetConfig => SetConfig(payload),
            VhostUserRequest.SendRarp => SendRarp(payload),
            VhostUserRequest.SetMtu => SetMtu(payload),
            VhostUserRequest.SetBackEndRequestDescriptor => SetBackEndRequestDescriptor(),
            _ => "it is not known here",
        };
        Finish(header.Request, reason, acknowledge);
    }

    /// <summary>Acknowledges, or refuses: by the acknowledgement if there is to be one, else by ending the session.</summary>
    private void Finish(VhostUserRequest request, string? reason, bool acknowledge)
    {
        if (reason is not null)
        {
            Report(VhostUserEventKind.MessageRejected, $"The message {request} to {_options.Name} was refused: {reason}.");
            if (!acknowledge)
            {
                Close($"its message {request} was refused: {reason}");
                return;
            }
        }

        if (acknowledge)
        {
            Reply(request, reason is null ? 0UL : 1UL);
        }
    }

    private static bool TryRead<T>(ReadOnlySpan<byte> payload, out T value, [NotNullWhen(false)] out string? reason)
        where T : unmanaged
    {
        if (payload.Length != Marshal.SizeOf<T>())
        {
            value = default;
            reason = $"it has {payload.Length} bytes instead of {Marshal.SizeOf<T>()}";
            return false;
        }

        value = MemoryMarshal.Read<T>(payload);
        reason = null;
        return true;
    }

    /// <summary>The only descriptor of the message, now owned by the caller; null when there is none or more than one.</summary>
    private Descriptor? TakeOnlyDescriptor()
    {
        if (_descriptors.Count != 1)
        {
            return null;
        }

        var descriptor = _descriptors[0];
        _descriptors.Clear();
        return descriptor;
    }

    private string? AnswerNumber(in MessageHeader header, ulong number, ref bool acknowledge)
    {
        acknowledge = false;
        Reply(header.Request, number);
        return null;
    }

    private string? SetFeatures(ReadOnlySpan<byte> payload)
    {
        if (!TryRead<ulong>(payload, out var features, out var reason))
        {
            return reason;
        }

        if ((features & ~OfferedFeatures) != 0)
        {
            return $"the features 0x{features & ~OfferedFeatures:x} were not offered";
        }

        // Logging is switched under running queues when a migration begins; everything else only before they start.
        var changed = _features is null || ((features ^ _features.Value) & ~VirtioFeatures.LogAll) != 0;
        if (changed && Array.Exists(_queues, queue => queue.Queue is not null))
        {
            return "features other than the dirty log cannot change while queues are started";
        }

        _features = features;
        if (changed)
        {
            _device.FeaturesNegotiated(features & ~(VirtioFeatures.LogAll | VirtioFeatures.ProtocolFeatures));
        }

        ApplyLog();
        return null;
    }

    private string? SetProtocolFeatures(ReadOnlySpan<byte> payload)
    {
        if (!TryRead<ulong>(payload, out var features, out var reason))
        {
            return reason;
        }

        var unknown = (VhostUserProtocolFeatures)features & ~OfferedProtocolFeatures;
        if (unknown != 0)
        {
            return $"the protocol features 0x{(ulong)unknown:x} were not offered";
        }

        _protocolFeatures = (VhostUserProtocolFeatures)features;
        return null;
    }

    private string? GetConfig(Span<byte> payload, ref bool acknowledge)
    {
        acknowledge = false;
        if (!TryReadConfigHeader(payload, out var header, out var content, out var reason))
        {
            return reason;
        }

        content.Clear();
        if (_device.TryReadConfig((int)header.OffsetBytes, content))
        {
            Reply(VhostUserRequest.GetConfig, payload);
        }
        else
        {
            // "uses zero length of payload to indicate an error"
            Reply(VhostUserRequest.GetConfig, ReadOnlySpan<byte>.Empty);
        }

        return null;
    }

    private string? SetConfig(Span<byte> payload)
    {
        if (!TryReadConfigHeader(payload, out var header, out var content, out var reason))
        {
            return reason;
        }

        return _device.TryWriteConfig((int)header.OffsetBytes, content, header.IsMigration)
            ? null
            : $"{header.LengthBytes} bytes at {header.OffsetBytes} of the configuration space cannot be written";
    }

    private bool TryReadConfigHeader(Span<byte> payload, out ConfigHeader header, out Span<byte> content, [NotNullWhen(false)] out string? reason)
    {
        header = default;
        content = default;
        reason = null;
        var headerBytes = Marshal.SizeOf<ConfigHeader>();
        if (!_protocolFeatures.HasFlag(VhostUserProtocolFeatures.Config))
        {
            reason = "the protocol feature CONFIG was not negotiated";
            return false;
        }

        if (payload.Length < headerBytes)
        {
            reason = $"it has only {payload.Length} bytes";
            return false;
        }

        header = MemoryMarshal.Read<ConfigHeader>(payload);
        content = payload[headerBytes..];
        if (header.LengthBytes != content.Length || header.LengthBytes > ConfigBytesMax || header.OffsetBytes > ConfigBytesMax - header.LengthBytes)
        {
            reason = $"it names {header.LengthBytes} bytes at {header.OffsetBytes} of the configuration space and holds {content.Length}";
            return false;
        }

        return true;
    }

    private string? GetInflight(ReadOnlySpan<byte> payload, ref bool acknowledge)
    {
        acknowledge = false;
        if (!TryRead<InflightDescription>(payload, out var wanted, out var reason))
        {
            return reason;
        }

        if (!InflightMemory.IsAcceptable(wanted, _device))
        {
            return $"{wanted.QueueCount} queues of {wanted.QueueSize} descriptors cannot be tracked";
        }

        var length = InflightMemory.LengthBytes(wanted, _device);
        using var file = MemoryFile.CreateSealed("vhost-inflight", length);
        Reply(VhostUserRequest.GetInflightDescriptor, wanted with { LengthBytes = (ulong)length, FileOffset = 0 }, [file]);
        return null;
    }

    private string? SendRarp(ReadOnlySpan<byte> payload)
    {
        const int macBytes = 6;
        if (!TryRead<ulong>(payload, out _, out var reason))
        {
            return reason;
        }

        _device.Announce(payload[..macBytes]);
        return null;
    }

    private string? SetMtu(ReadOnlySpan<byte> payload)
    {
        if (!TryRead<ulong>(payload, out var bytes, out var reason))
        {
            return reason;
        }

        return bytes is >= 68 and <= ushort.MaxValue && _device.TrySetMtu((int)bytes) ? null : $"an MTU of {bytes} bytes is not possible";
    }

    private string? SetBackEndRequestDescriptor()
    {
        var descriptor = TakeOnlyDescriptor();
        if (descriptor is null || descriptor.KernelName()?.StartsWith("socket:", StringComparison.Ordinal) != true)
        {
            descriptor?.Dispose();
            return "it must come with one socket";
        }

        _requests?.Dispose();
        _requests = UnixConnection.Adopt(descriptor);
        return null;
    }
}
