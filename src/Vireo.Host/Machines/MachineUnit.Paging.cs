using Vireo.Commands.Framework;
using Vireo.Host.Machines.Memory;

namespace Vireo.Host.Machines;

/// <summary>
/// A guest that starts anew needs its startup memory again, part of which others may have by now. Only then, when nothing is free and nobody has more than
/// he uses, what it lacks is in a smart paging file, until the guest has given as much back. A machine that is off is never started with one.
/// </summary>
internal sealed partial class MachineUnit
{
    private readonly SmartPaging _paging;
    private Task _pagingEnd = Task.CompletedTask;
    private string _pagingTrouble = "";

    /// <summary>Has memory for a guest that is about to be started anew.</summary>
    /// <exception cref="CommandException">There is not enough, not even with a smart paging file.</exception>
    private async Task<MemoryReservation?> ReserveForRestartAsync(CancellationToken cancellation)
    {
        if (!Memory.IsDynamic || _paging.IsActive)
        {
            // What it may touch is there, or in a file already.
            return null;
        }

        var reservation = await _services.Memory.ReserveAsync(Configuration, Configuration.Memory.StartupBytes, LeastForRestart, cancellation);
        try
        {
            if (reservation.Bytes < Configuration.Memory.StartupBytes)
            {
                await BeginPagingAsync(reservation.Bytes, cancellation);
            }

            return reservation;
        }
        catch
        {
            reservation.Dispose();
            throw;
        }
    }

    private long LeastForRestart => Math.Min(Configuration.Memory.MinimumBytes, Configuration.Memory.StartupBytes);

    private async Task BeginPagingAsync(long physicalBytes, CancellationToken cancellation)
    {
        Memory.BeginPaging(physicalBytes, () => _paging.HeldBytes);
        try
        {
            await _paging.BeginAsync(physicalBytes, cancellation);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            Memory.EndPaging();
            throw new CommandException(
                "OutOfMemory", ErrorCategory.ResourceUnavailable,
                $"The virtual machine '{Name}' cannot start anew: the host has {physicalBytes >> 20} of the {Configuration.Memory.StartupBytes >> 20} MB that it starts with, and a smart paging file cannot be used: {refused.Message} Stop another machine, or give this one less startup memory.",
                Name);
        }
        catch
        {
            Memory.EndPaging();
            throw;
        }
    }

    /// <summary>The guest restarted itself: it is held to what is there until the rest is.</summary>
    private async Task FollowRestartAsync()
    {
        try
        {
            await ExclusiveAsync("restart", async () =>
            {
                var startup = Configuration.Memory.StartupBytes;
                var free = _services.Memory.FreeFor(Configuration.Id);
                if (!Memory.IsDynamic || _paging.IsActive || free >= startup)
                {
                    return;
                }

                try
                {
                    _paging.Hold(Math.Max(free, LeastForRestart));
                    using var reservation = await _services.Memory.ReserveAsync(Configuration, startup, LeastForRestart, _end.Token);
                    if (reservation.Bytes < startup)
                    {
                        await BeginPagingAsync(reservation.Bytes, _end.Token);
                    }
                }
                finally
                {
                    if (!_paging.IsActive)
                    {
                        _paging.LetGo();
                    }
                }
            }, _end.Token);
        }
        catch (Exception refused) when (refused is CommandException or IOException or UnauthorizedAccessException)
        {
            _services.Events.Write(
                "MemoryShort", $"The guest of '{Name}' restarted itself, and the host has not all of the memory that it may use now: {refused.Message}", Configuration.Id);
        }
        catch (Exception over) when (over is OperationCanceledException or ObjectDisposedException)
        {
            // The host ends; the next one looks again.
        }
    }

    /// <summary>A moment has passed: gives the guest what it was promised meanwhile, and ends the use of a file that it does not need any more.</summary>
    private void AdvancePaging()
    {
        if (!_paging.IsActive || !_pagingEnd.IsCompleted)
        {
            return;
        }

        if (Memory.HasDrained || _machine.Status.ProcessId is null)
        {
            _pagingEnd = EndPagingAsync();
        }
        else if (Memory.TakeRaise() is > 0 and var bytes)
        {
            TryPaging(() => _paging.Raise(bytes));
        }
    }

    private async Task EndPagingAsync()
    {
        try
        {
            await _paging.EndAsync();
            Memory.EndPaging();
            _pagingTrouble = "";
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            TellPagingTrouble(refused);
        }
    }

    private void RecoverPaging() => TryPaging(() =>
    {
        if (!_paging.IsActive && _paging.Recover() is { } physical)
        {
            Memory.BeginPaging(physical, () => _paging.HeldBytes);
        }
    });

    private void TryPaging(Action action)
    {
        try
        {
            action();
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            TellPagingTrouble(refused);
        }
    }

    private void TellPagingTrouble(Exception refused)
    {
        if (_pagingTrouble != refused.Message)
        {
            _pagingTrouble = refused.Message;
            _services.Events.Write("SmartPagingLasts", $"The smart paging file of '{Name}' could not be dealt with, and is tried again: {refused.Message}", Configuration.Id);
        }
    }
}
